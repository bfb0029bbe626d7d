-- The embedded store. For people: the view `sensors` and the table `sensors_rejected`.

CREATE TABLE topics (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- One B-tree, ordered by topic and then time: a second index would cost two thirds of the speed.
-- `reg_date` is text because the view shows it: so `WHERE topic = … AND reg_date > …` on the view uses this key.
-- `value` is REAL for a number and TEXT for JSON and text; ANY, as an affinity of REAL would turn the text `1e400` into
-- infinity.
CREATE TABLE readings (
    topic_id INTEGER NOT NULL REFERENCES topics (id),
    reg_date TEXT NOT NULL,
    uid      BLOB NOT NULL,
    value    ANY NOT NULL,
    PRIMARY KEY (topic_id, reg_date, uid)
) STRICT, WITHOUT ROWID;

CREATE VIEW sensors AS
SELECT topics.name AS topic, readings.value AS value, readings.reg_date AS reg_date
FROM readings JOIN topics ON topics.id = readings.topic_id
ORDER BY readings.reg_date, readings.uid;

CREATE TABLE sensors_rejected (
    topic    TEXT NOT NULL,
    payload  BLOB NOT NULL,
    length   INTEGER NOT NULL,
    sha256   TEXT NOT NULL,
    reason   TEXT NOT NULL,
    reg_date TEXT NOT NULL,
    uid      BLOB NOT NULL UNIQUE
) STRICT;
