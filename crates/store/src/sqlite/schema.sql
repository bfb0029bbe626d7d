-- The embedded store. For people: the view `sensors`, and the tables `series` and `sensors_rejected`.

-- A series is a topic, and a metric if a message has several values. `unit` is the present one; `first_unit` is that of readings
-- without a unit of their own, if it was another one before.
CREATE TABLE series (
    id         INTEGER PRIMARY KEY,
    topic      TEXT NOT NULL,
    metric     TEXT,
    unit       TEXT,
    first_unit TEXT,
    name       TEXT,
    device     TEXT,
    class      TEXT
) STRICT;

-- NULL differs from NULL in a unique index, so plain topics need one of their own: it also shows SQLite that `topic = … AND metric
-- IS NULL` is one series, whose readings are in order already.
CREATE UNIQUE INDEX series_metric ON series (topic, metric) WHERE metric IS NOT NULL;
CREATE UNIQUE INDEX series_plain ON series (topic) WHERE metric IS NULL;
CREATE INDEX series_topic ON series (topic);

-- One B-tree, ordered by series and then time: a second index would cost two thirds of the speed.
-- `reg_date` is text because the view shows it: so `WHERE topic = … AND reg_date > …` on the view uses this key.
-- `value` is REAL for a number, INTEGER for a boolean, and TEXT for JSON and text; ANY, as an affinity of REAL would turn the
-- text `1e400` into infinity. `unit` is set only where it is not the series' first one.
CREATE TABLE readings (
    series_id INTEGER NOT NULL,
    reg_date  TEXT NOT NULL,
    uid       BLOB NOT NULL,
    value     ANY NOT NULL,
    unit      TEXT,
    PRIMARY KEY (series_id, reg_date, uid)
) STRICT, WITHOUT ROWID;

CREATE TABLE sensors_rejected (
    topic    TEXT NOT NULL,
    payload  BLOB NOT NULL,
    length   INTEGER NOT NULL,
    sha256   TEXT NOT NULL,
    reason   TEXT NOT NULL,
    reg_date TEXT NOT NULL,
    uid      BLOB NOT NULL UNIQUE
) STRICT;

-- What is known about this file as a whole.
CREATE TABLE about (
    name  TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO about VALUES ('view_has_metric', 1), ('rollups', 'with minutes');

CREATE VIEW sensors AS
SELECT series.topic AS topic, readings.value AS value, readings.reg_date AS reg_date,
       series.metric AS metric, coalesce(readings.unit, series.first_unit, series.unit) AS unit
FROM readings JOIN series ON series.id = readings.series_id
ORDER BY readings.reg_date, readings.uid;
