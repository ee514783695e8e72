"""What can go wrong, named for who must act.

    CpdError
    ├── SettingsError      the installer: a mistake in the configuration file
    ├── StorageError       the technician: the store cannot be opened, read or written
    └── ControlSocketError the technician: the control socket cannot be had

What the CSMS sends wrong is `cpd.ocpp.errors.CallError`; a CALL of ours that failed is `cpd.ocpp.calls.CallFailed`,
a link that cannot be had `cpd.ocpp.transport.DialFailed`; what the hardware reports is the tree in `hal.errors`.
A refusal that the specification foresees is a value, not an exception.
"""


class CpdError(Exception):
    """Root of what the daemon reports in words; its text is one sentence for a person."""


class SettingsError(CpdError):
    """The configuration cannot be used; the text names file, key, value, allowed range and remedy."""


class StorageError(CpdError):
    """The store failed; nothing of the attempted change is in it."""
