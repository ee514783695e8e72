"""What can go wrong with hardware before or while it is used, named by who must act.

HalError
├── ConfigurationWrong   the configuration file has mistakes; the text names each with its place and remedy
├── SocketUnavailable    a socket cannot be listened on, or belongs to another process that lives
├── BackendUnknown       the configuration names no such backend
├── GuardUnavailable     the guard process does not answer, or speaks another language
├── DeviceUnavailable    a configured device is missing, busy, or not the one that is configured
├── HalStateError        what the guard must keep cannot be kept, or what it has kept cannot be read
└── GuardFailed          a bug in the guard itself, which made every outlet safe
"""


class HalError(Exception):
    """The hardware side cannot do its work; the message says what to do."""


class ConfigurationWrong(HalError):
    """The configuration cannot be used; the text names file, line, key, value, allowed range and remedy."""


class SocketUnavailable(HalError):
    """A socket cannot be listened on; the text says why, and what to do."""


class BackendUnknown(HalError):
    """The configured backend does not exist."""


class GuardUnavailable(HalError):
    """The guard process is out of reach, so the hardware can neither be told nor asked anything."""


class HalStateError(HalError):
    """Latched faults can neither be read nor kept; starting without them would forget a welded contactor."""


class GuardFailed(HalError):
    """A bug in the guard, raised once every outlet is safe; its cause is the bug."""


class DeviceUnavailable(HalError):
    """*device* cannot be opened, for *reason*; *next_step* is what a person does about it."""

    def __init__(self, device: str, reason: str, next_step: str) -> None:
        super().__init__(f"{device}: {reason}; {next_step}")
        self.device = device
        self.reason = reason
        self.next_step = next_step
