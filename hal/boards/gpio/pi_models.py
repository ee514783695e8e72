"""Which Raspberry Pi this is, and where its header has hardware PWM: what differs between the models.

Read from the device tree. Numbers of PWM chips are no fact of a model, they change with the kernel.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from hal.errors import DeviceUnavailable

_DEVICE_TREES = (Path("proc/device-tree"), Path("sys/firmware/devicetree/base"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PwmBlock:
    """The PWM of the header: the name of its device, the channel of each GPIO that it can reach, what shares it."""

    device: str
    channels: Mapping[int, int]
    plays_audio: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PiModel:
    """A known board: *name* as it calls itself, such as "Raspberry Pi 4 Model B Rev 1.5"."""

    name: str
    pwm: PwmBlock

    @property
    def has_rp1(self) -> bool:
        """True where the header hangs on the RP1 chip, which has a pin driver of its own (Pi 5)."""
        return self.pwm is _RP1

    def overlay_for(self, pin: int) -> str:
        """The line of config.txt that connects the PWM with GPIO *pin* and its neighbour."""
        return "dtoverlay=pwm-2chan" if pin >= 18 else "dtoverlay=pwm-2chan,pin=12,func=4,pin2=13,func2=4"


_TWO_CHANNELS: Mapping[int, int] = MappingProxyType({12: 0, 13: 1, 18: 0, 19: 1})
_BCM2837 = PwmBlock(device="3f20c000.pwm", channels=_TWO_CHANNELS, plays_audio=True)
_BCM2711 = PwmBlock(device="fe20c000.pwm", channels=_TWO_CHANNELS, plays_audio=True)
_RP1 = PwmBlock(
    device="1f00098000.pwm", channels=MappingProxyType({12: 0, 13: 1, 18: 2, 19: 3}), plays_audio=False
)

_KNOWN: Mapping[str, PwmBlock] = MappingProxyType(
    {
        "raspberrypi,model-zero-2-w": _BCM2837,
        "raspberrypi,3-model-b": _BCM2837,
        "raspberrypi,3-model-b-plus": _BCM2837,
        "raspberrypi,3-model-a-plus": _BCM2837,
        "raspberrypi,4-model-b": _BCM2711,
        "raspberrypi,4-compute-module": _BCM2711,
        "raspberrypi,5-model-b": _RP1,
        "raspberrypi,5-compute-module": _RP1,
    }
)
"""By the entry of the device tree's "compatible" that names the board."""


def pi_model(root: Path = Path("/")) -> PiModel:
    """The board whose system is under *root*. Raises DeviceUnavailable where it is none that is known."""
    tree = _device_tree(root)
    if tree is None:
        raise DeviceUnavailable(
            "Raspberry Pi", "this machine has no device tree", 'elsewhere, set [hal] backend = "mock"'
        )
    name = _strings(tree / "model")[0] or "of no name"
    for compatible in _strings(tree / "compatible"):
        block = _KNOWN.get(compatible)
        if block is not None:
            return PiModel(name=name, pwm=block)
    raise DeviceUnavailable(
        "Raspberry Pi", f"the board {name} is not known", "use a Raspberry Pi Zero 2 W, 3, 4, CM4, 5 or CM5"
    )


def pwm_pins(root: Path = Path("/")) -> frozenset[int]:
    """The GPIOs that an overlay has given to the PWM, as far as the device tree tells; empty where it does not."""
    tree = _device_tree(root)
    if tree is None:
        return frozenset()
    cells = [file.read_bytes() for file in tree.glob("soc/gpio@*/pwm_pins*/brcm,pins")]
    return frozenset(
        int.from_bytes(cell[at : at + 4], "big") for cell in cells for at in range(0, len(cell), 4)
    )


def _device_tree(root: Path) -> Path | None:
    return next((root / tree for tree in _DEVICE_TREES if (root / tree / "model").exists()), None)


def _strings(file: Path) -> list[str]:
    """The NUL-terminated strings of a property of the device tree; one empty where it is absent."""
    try:
        return file.read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    except FileNotFoundError:
        return [""]
