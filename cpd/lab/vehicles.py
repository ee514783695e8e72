"""The vehicles and the broken hardware that the field knows, as data: what to tell the mock, and what to expect.

Names are those of `cpd demo --ev NAME`. Everything is said in calls of the control interface (`mock.*`), so that a
demo, a scenario and a person with `cpd mock` bring about the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from cpd.lab.names import find

ABOUT_LENGTH = 60
"""Characters that `LabVehicle.about` has at most."""


class When(Enum):
    """The moment at which something is done to the mock."""

    BEFORE_PLUG_IN = "before plug-in"
    WHILE_CHARGING = "while charging"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One call of the control interface: *params* without the connector, which whoever acts adds."""

    when: When
    method: str
    params: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a session ends that its driver would end by unplugging.

    *charges*: energy flows at some time. *fault*: the kind of fault that stands before the vehicle has left, None for
    none. *ends_itself*: that fault ends the transaction (reason Other) before its driver does. *meter_hides*: the
    meter does not tell all that flows, so that less may be booked, and never more.
    """

    charges: bool = True
    fault: str | None = None
    ends_itself: bool = False
    meter_hides: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LabVehicle:
    """One kind of vehicle, or of broken hardware.

    *seen_in* names the projects whose users reported it. *wishes* are the params of `mock.ev`, given before the
    plug-in. *starts_within_s*: current flows at most this long after an offer of 16 A.
    """

    name: str
    about: str
    seen_in: str
    wishes: Mapping[str, object] = field(default_factory=dict)
    acts: tuple[Act, ...] = ()
    starts_within_s: float = 10.0
    ending: Ending = Ending()


def _fault(kind: str, when: When) -> Act:
    return Act(when=when, method="mock.fault", params=MappingProxyType({"kind": kind, "active": True}))


def _defect(defect: str, when: When) -> Act:
    return Act(when=when, method="mock.deceive", params=MappingProxyType({"defect": defect, "active": True}))


def _register(energy_wh: int, when: When) -> Act:
    return Act(when=when, method="mock.meter", params=MappingProxyType({"energy_wh": energy_wh}))


def _behaves(personality: str) -> Mapping[str, object]:
    return MappingProxyType({"personality": personality})


_TABLE = (
    LabVehicle(
        name="ev-plain",
        about="does what IEC 61851 asks for",
        seen_in="everywhere, one hopes",
        wishes=_behaves("default"),
    ),
    LabVehicle(
        name="ev-sleeper",
        about="sleeps until it is woken by a pulse on the pilot",
        seen_in="OpenEVSE",
        wishes=_behaves("sleeper"),
        starts_within_s=60.0,
    ),
    LabVehicle(
        name="ev-zoe",
        about="ignores less than 7 A and pauses by itself for 10 … 60 s",
        seen_in="SmartEVSE, SimpleEVSE-WiFi",
        wishes=_behaves("zoe"),
    ),
    LabVehicle(
        name="ev-mach-e",
        about="refuses until it is replugged when the PWM comes and goes",
        seen_in="OpenEVSE",
        wishes=_behaves("mach_e"),
    ),
    LabVehicle(
        name="ev-slow",
        about="needs 6 s to follow a lower offer",
        seen_in="EVerest",
        wishes=_behaves("slow_to_follow"),
    ),
    LabVehicle(
        name="ev-stuck-c",
        about="asks on, and draws on, when the PWM has gone",
        seen_in="EVerest",
        wishes=_behaves("stuck_c"),
    ),
    LabVehicle(
        name="ev-2phase",
        about="draws on two of three phases",
        seen_in="evcc",
        wishes=MappingProxyType({"personality": "default", "phases": 2}),
    ),
    LabVehicle(
        name="ev-full",
        about="never asks, because it is full",
        seen_in="everywhere",
        wishes=MappingProxyType({"personality": "default", "ready": False}),
        ending=Ending(charges=False),
    ),
    LabVehicle(
        name="hw-weld",
        about="the contactor welds while it carries current",
        seen_in="OpenEVSE, WARP",
        acts=(_fault("contactor_welded", When.WHILE_CHARGING),),
        ending=Ending(fault="contactor_welded"),
    ),
    LabVehicle(
        name="hw-nopower",
        about="the contactor does not close, no power comes through",
        seen_in="OpenEVSE, WARP",
        acts=(_fault("contactor_stuck_open", When.BEFORE_PLUG_IN),),
        ending=Ending(charges=False, fault="contactor_stuck_open", ends_itself=True),
    ),
    LabVehicle(
        name="hw-diode",
        about="no diode on the pilot: a resistor, or a child's finger",
        seen_in="OpenEVSE",
        acts=(_fault("diode_missing", When.BEFORE_PLUG_IN),),
        ending=Ending(charges=False, fault="diode_missing", ends_itself=True),
    ),
    LabVehicle(
        name="meter-frozen",
        about="the meter answers the same numbers for ever",
        seen_in="EVerest",
        acts=(_defect("meter_frozen", When.WHILE_CHARGING),),
        ending=Ending(fault="meter_offline", meter_hides=True),
    ),
    LabVehicle(
        name="meter-reset",
        about="the meter starts at 0 again in the middle of a session",
        seen_in="Home Assistant OCPP",
        acts=(_register(5_000, When.BEFORE_PLUG_IN), _register(0, When.WHILE_CHARGING)),
        ending=Ending(meter_hides=True),
    ),
    LabVehicle(
        name="meter-backwards",
        about="the register falls by some Wh in the middle of a session",
        seen_in="Home Assistant OCPP",
        acts=(_register(5_000, When.BEFORE_PLUG_IN), _register(4_900, When.WHILE_CHARGING)),
        ending=Ending(meter_hides=True),
    ),
    LabVehicle(
        name="rfid-bounce",
        about="the reader sees one card 20 times in 2 s",
        seen_in="SmartEVSE",
        acts=(_defect("reader_bounces", When.BEFORE_PLUG_IN),),
    ),
)

VEHICLES: Mapping[str, LabVehicle] = MappingProxyType({vehicle.name: vehicle for vehicle in _TABLE})
"""Every vehicle by its name, in the order in which they are listed."""


def find_vehicle(name: str) -> LabVehicle:
    """The vehicle called *name*, with or without its prefix; raises `cpd.lab.names.UnknownName`."""
    return find(name, VEHICLES, prefixes=("ev-", "hw-", "meter-", "rfid-"), what="vehicle")
