-- What people at the charger allow for a while on a connector: it ends for_s seconds after it was made.
CREATE TABLE local_limits (
    connector        INTEGER PRIMARY KEY,
    current_ma       INTEGER NOT NULL,
    for_s            INTEGER NOT NULL,
    made_boot        TEXT    NOT NULL,
    made_monotonic_s REAL    NOT NULL,
    made_at_us       INTEGER
) STRICT;

-- What the meter said during a transaction, for its StopTransaction: thinned as it grows, gone once delivered.
CREATE TABLE transaction_samples (
    seq               INTEGER PRIMARY KEY AUTOINCREMENT,
    local_id          TEXT    NOT NULL REFERENCES transactions (local_id) ON DELETE CASCADE,
    context           TEXT    NOT NULL,
    taken_boot        TEXT    NOT NULL,
    taken_monotonic_s REAL    NOT NULL,
    taken_at_us       INTEGER,
    sample            TEXT    NOT NULL
) STRICT;

CREATE INDEX samples_of_transaction ON transaction_samples (local_id);

-- What people at the charger set Operative or Inoperative (0: the station); `availability` is the CSMS's word.
CREATE TABLE local_availability (
    connector INTEGER PRIMARY KEY,
    operative INTEGER NOT NULL
) STRICT;

-- The CSMS gave the transaction its number, and refused its idTag.
ALTER TABLE transactions ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;

-- What each connector's energy register says for life, and the reading of the present meter that it belongs to.
CREATE TABLE registers (
    connector   INTEGER PRIMARY KEY,
    lifetime_wh INTEGER NOT NULL,
    raw_wh      INTEGER NOT NULL
) STRICT;

-- What is kept for whom (connector 0: whichever is free), until it is used, cancelled or over.
CREATE TABLE reservations (
    reservation_id   INTEGER PRIMARY KEY,
    connector        INTEGER NOT NULL,
    id_tag           TEXT    NOT NULL,
    parent_id_tag    TEXT,
    expires_at_us    INTEGER NOT NULL,
    made_boot        TEXT    NOT NULL,
    made_monotonic_s REAL    NOT NULL,
    made_at_us       INTEGER
) STRICT;

-- The reservation that the transaction used up.
ALTER TABLE transactions ADD COLUMN reservation_id INTEGER;

-- The firmware update on its way, and what the CSMS is still to be told of updates, in order.
CREATE TABLE firmware_update (
    one              INTEGER PRIMARY KEY,
    location         TEXT    NOT NULL,
    retrieve_at_us   INTEGER NOT NULL,
    retries          INTEGER NOT NULL,
    retry_interval_s INTEGER NOT NULL,
    version          TEXT    NOT NULL,
    phase            TEXT    NOT NULL,
    installs         INTEGER NOT NULL
) STRICT;

CREATE TABLE firmware_statuses (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    status TEXT NOT NULL
) STRICT;
