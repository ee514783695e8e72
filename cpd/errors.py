"""What can go wrong, named for who must act.

    CpdError
    ├── SettingsError      the installer: a mistake in the configuration file
    ├── StorageError       the technician: the store cannot be opened, read or written
    └── LinkError          the link to the CSMS
        ├── LinkLost           nobody: it is redialled
        ├── LinkRefused        the operator: wrong address, identity, password, certificate or protocol
        └── AnswerTimeout      nobody: the CALL is retried where it matters

What the CSMS sends wrong is `cpd.ocpp.errors.CallError`; what the hardware reports is the tree in `hal.errors`.
A refusal that the specification foresees is a value, not an exception.
"""


class CpdError(Exception):
    """Root of what the daemon reports in words; its text is one sentence for a person."""


class SettingsError(CpdError):
    """The configuration cannot be used; the text names file, key, value, allowed range and remedy."""


class StorageError(CpdError):
    """The store failed; nothing of the attempted change is in it."""


class LinkError(CpdError):
    """The link to the CSMS failed."""


class LinkLost(LinkError):
    """The link went down, or is not up; what was asked of the CSMS stays unanswered."""


class LinkRefused(LinkError):
    """The CSMS, or the way to it, refused the link; the text says why in words."""


class AnswerTimeout(LinkError):
    """The CSMS did not answer a CALL in time."""
