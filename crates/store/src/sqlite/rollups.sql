-- What each series did in each hour and day, made of its readings. `span` is in minutes (60, 1440), `start` in minutes since 1970
-- (UTC). `number` counts readings, `count` those that are numbers, of which the rest tells.
CREATE TABLE rollups (
    series_id INTEGER NOT NULL,
    span      INTEGER NOT NULL,
    start     INTEGER NOT NULL,
    number    INTEGER NOT NULL,
    count     INTEGER NOT NULL,
    min       REAL,
    max       REAL,
    sum       REAL,
    first     REAL,
    last      REAL,
    PRIMARY KEY (series_id, span, start)
) STRICT, WITHOUT ROWID;

-- Hours (since 1970) whose rollups are missing, or are not those of the readings any more. Each reading's hour is noted here in the
-- reading's transaction, so what the rollups of the others say is exact.
CREATE TABLE rollups_due (
    series_id INTEGER NOT NULL,
    hour      INTEGER NOT NULL,
    PRIMARY KEY (series_id, hour)
) STRICT, WITHOUT ROWID;
