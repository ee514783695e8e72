-- Moments are three columns: the boot, its monotonic clock, and the wall time in microseconds since 1970 UTC,
-- NULL until it is known. Energies and times are integers in the unit of the column's name. Documents are JSON
-- of the domain's values; what a later release adds to them has a default.

CREATE TABLE profiles (
    arrival         INTEGER PRIMARY KEY AUTOINCREMENT,
    profile_id      INTEGER NOT NULL UNIQUE,
    connector       INTEGER NOT NULL,
    received_at_s   INTEGER NOT NULL,
    transaction_key TEXT,
    document        TEXT    NOT NULL
) STRICT;

CREATE TABLE transactions (
    ordinal             INTEGER PRIMARY KEY,
    local_id            TEXT    NOT NULL UNIQUE,
    connector           INTEGER NOT NULL,
    id_tag              TEXT    NOT NULL,
    parent_id_tag       TEXT,
    started_boot        TEXT    NOT NULL,
    started_monotonic_s REAL    NOT NULL,
    started_at_us       INTEGER,
    meter_start_wh      INTEGER NOT NULL,
    last_meter_wh       INTEGER NOT NULL,
    csms_id             INTEGER,
    stop_reason         TEXT,
    stop_id_tag         TEXT,
    stopped_boot        TEXT,
    stopped_monotonic_s REAL,
    stopped_at_us       INTEGER,
    meter_stop_wh       INTEGER
) STRICT;

CREATE INDEX running_transactions ON transactions (ordinal) WHERE stopped_boot IS NULL;

CREATE TABLE journal (
    seq                 INTEGER PRIMARY KEY AUTOINCREMENT,
    kind                TEXT    NOT NULL,
    local_id            TEXT    NOT NULL REFERENCES transactions (local_id),
    created_boot        TEXT    NOT NULL,
    created_monotonic_s REAL    NOT NULL,
    created_at_us       INTEGER,
    attempts            INTEGER NOT NULL DEFAULT 0,
    last_error          TEXT,
    dead                INTEGER NOT NULL DEFAULT 0,
    taken_boot          TEXT,
    taken_monotonic_s   REAL,
    taken_at_us         INTEGER,
    sample              TEXT
) STRICT;

CREATE INDEX dead_entries ON journal (seq) WHERE dead = 1;
CREATE INDEX entries_of_transaction ON journal (local_id);

CREATE TABLE variables (
    key    TEXT PRIMARY KEY,
    value  TEXT NOT NULL,
    source TEXT NOT NULL
) STRICT;

CREATE TABLE authorizations (
    answered      INTEGER PRIMARY KEY AUTOINCREMENT,
    folded        TEXT    NOT NULL UNIQUE,
    status        TEXT    NOT NULL,
    parent_id_tag TEXT,
    expires_at_us INTEGER
) STRICT;

CREATE TABLE availability (
    connector INTEGER PRIMARY KEY,
    operative INTEGER NOT NULL,
    scheduled INTEGER
) STRICT;

CREATE TABLE audit (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    uid              INTEGER NOT NULL,
    method           TEXT    NOT NULL,
    params           TEXT    NOT NULL,
    made_boot        TEXT    NOT NULL,
    made_monotonic_s REAL    NOT NULL,
    made_at_us       INTEGER
) STRICT;

-- Rows that could not be read: out of the way, and kept for a technician.
CREATE TABLE quarantine (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    from_table TEXT NOT NULL,
    content    TEXT NOT NULL,
    reason     TEXT NOT NULL
) STRICT;
