-- The firmware update: how often its phase was begun, and whether the CSMS was there when it was installed.
ALTER TABLE firmware_update RENAME COLUMN installs TO begun;
ALTER TABLE firmware_update ADD COLUMN online INTEGER NOT NULL DEFAULT 0;

-- What the CSMS is still to be told of files, of firmware and diagnostics in one order.
ALTER TABLE firmware_statuses RENAME TO file_statuses;
ALTER TABLE file_statuses ADD COLUMN about TEXT NOT NULL DEFAULT 'firmware';

-- The file of diagnostics on its way, with the window that it covers (NULL: open).
CREATE TABLE diagnostics_upload (
    one              INTEGER PRIMARY KEY,
    location         TEXT    NOT NULL,
    file_name        TEXT    NOT NULL,
    start_at_us      INTEGER,
    stop_at_us       INTEGER,
    due_at_us        INTEGER NOT NULL,
    retries          INTEGER NOT NULL,
    retry_interval_s INTEGER NOT NULL,
    uploading        INTEGER NOT NULL
) STRICT;

-- The local authorization list, by the idTag without regard to case.
CREATE TABLE local_list (
    folded        TEXT PRIMARY KEY,
    status        TEXT NOT NULL,
    parent_id_tag TEXT,
    expires_at_us INTEGER
) STRICT;

-- The version of the list, and how many entries belong to it: with fewer it is not whole.
CREATE TABLE local_list_version (
    one     INTEGER PRIMARY KEY,
    version INTEGER NOT NULL,
    entries INTEGER NOT NULL
) STRICT;
