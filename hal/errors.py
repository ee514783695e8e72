"""What can go wrong with hardware before or while it is used, named by who must act.

HalError
├── BackendUnknown       the configuration names no such backend
├── BackendUnavailable   the backend cannot be opened here
├── DeviceUnavailable    a configured device is missing, busy, or not the one that is configured
└── HalStateError        the state directory cannot be used, or what it holds cannot be read
"""


class HalError(Exception):
    """The hardware side cannot do its work; the message says what to do."""


class BackendUnknown(HalError):
    """The configured backend does not exist."""


class BackendUnavailable(HalError):
    """The configured backend exists, but cannot be opened on this machine."""


class HalStateError(HalError):
    """Latched faults can neither be read nor kept; starting without them would forget a welded contactor."""


class DeviceUnavailable(HalError):
    """*device* cannot be opened, for *reason*; *next_step* is what a person does about it."""

    def __init__(self, device: str, reason: str, next_step: str) -> None:
        super().__init__(f"{device}: {reason}; {next_step}")
        self.device = device
        self.reason = reason
        self.next_step = next_step
