-- The spool: what is acknowledged to the broker and not yet known to be in the store.

-- AUTOINCREMENT: else the numbers would start again at 1 once the table is empty, and a trim that comes late would
-- delete new entries.
CREATE TABLE entries (
    seq   INTEGER PRIMARY KEY AUTOINCREMENT,
    entry BLOB NOT NULL
) STRICT;

-- `store`: which one the entries are for.
CREATE TABLE about (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
