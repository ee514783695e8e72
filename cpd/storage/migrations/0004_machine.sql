-- The machine that the store belongs to, and the charge point that it is: a copy of the SD card is neither.
CREATE TABLE machine (
    one        INTEGER PRIMARY KEY,
    identity   TEXT NOT NULL,
    station_id TEXT NOT NULL
) STRICT;
