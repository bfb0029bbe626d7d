-- What each series did in the minutes of an hour (since 1970) with many readings: for each minute its number within the hour (1 byte),
-- number and count (4 bytes each), min, max, sum, first, last (8 bytes each), the least significant byte first.
CREATE TABLE rollup_minutes (
    series_id INTEGER NOT NULL,
    hour      INTEGER NOT NULL,
    cells     BLOB NOT NULL,
    PRIMARY KEY (series_id, hour)
) STRICT, WITHOUT ROWID;
