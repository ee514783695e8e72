"""Whatever happens to an outlet on the pins, in whatever order: it is never live for longer than it may be."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from hal.evse import Offer
from hal.values import StopReason
from tests.hal.simulators.gpio import Bench, LoopJob, bench
from tests.virtual_time import run_virtual

LIVE_S = 0.1
"""Nothing that forbids it may stand longer than this while the outlet is live."""

LAPSE_S = 3 + 6 + LIVE_S
"""The same for an offer that is not renewed: its lease, and the vehicle's time to let go."""


class Watcher:
    """Looks every 2 ms for how long the outlet has been live although it must not be."""

    def __init__(self, b: Bench) -> None:
        self._b = b
        self._loop = asyncio.get_running_loop()
        self._since: dict[str, float] = {}
        self.offered_s = float("-inf")
        self.breaches: set[str] = set()

    def look(self) -> None:
        wired, now_s = self._b.wired, self._loop.time()
        forbidden = {
            "unplugged": not wired.vehicle.plugged,
            "not ready": not wired.vehicle.is_ready,
            "leak": not wired.inputs["ground fault"].closed,
            "emergency stop": not wired.inputs["emergency stop"].closed,
            "bolt out": not wired.bolt_in,
            "no offer": now_s > self.offered_s + LAPSE_S - LIVE_S,
        }
        for why, stands in forbidden.items():
            if not (stands and wired.closed):
                self._since.pop(why, None)
            elif now_s > self._since.setdefault(why, now_s) + LIVE_S:
                self.breaches.add(why)


def acts(b: Bench, watcher: Watcher) -> dict[str, Callable[[], None]]:
    wired = b.wired

    def offer() -> None:
        watcher.offered_s = asyncio.get_running_loop().time()
        b.evse.offer(Offer(current_ma=16_000, phases=3))

    def plug() -> None:
        if wired.vehicle.plugged:
            wired.plug_out()
        else:
            wired.plug_in()

    def wish() -> None:
        wired.vehicle.ready = not wired.vehicle.ready
        wired.vehicle.wish()

    def deaf() -> None:
        for contact in wired.inputs.values():
            contact.tells = not contact.tells

    def bounce() -> None:
        for part in ("feedback", "lock feedback", "stop button"):
            contact = wired.inputs[part]
            contact.put(closed=not contact.closed)
            contact.put(closed=not contact.closed)

    return {
        "offer": offer,
        "plug": plug,
        "wish": wish,
        "leak": lambda: wired.leak(True),
        "no leak": lambda: wired.leak(False),
        "emergency stop": lambda: wired.press_emergency_stop(True),
        "no emergency stop": lambda: wired.press_emergency_stop(False),
        "stop": lambda: b.evse.stop(StopReason.NORMAL),
        "bolt out": lambda: wired._stroke(False),
        "deaf": deaf,
        "bounce": bounce,
    }


NAMES = (
    ["offer"] * 12
    + ["plug"] * 3
    + ["wish", "leak", "no leak", "emergency stop", "no emergency stop"]
    + ["stop", "bolt out", "deaf", "bounce"]
)
STEPS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from((0.0, 0.004, 0.05, 0.5, 1.0, 2.0))),
    min_size=20,
    max_size=60,
)


@settings(max_examples=5, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@example([("bolt out", 1.0)])
@example([("deaf", 0.004), ("bolt out", 1.0)])
@example([("wish", 4.0), ("wish", 4.0), ("offer", 1.0), ("plug", 1.0)])
@example([("offer", 12.0)])
@given(STEPS)
def test_an_outlet_is_never_live_for_longer_than_it_may_be(steps: list[tuple[str, float]]) -> None:
    async def run(folder: Path) -> None:
        async with bench(folder) as b:
            watcher = Watcher(b)
            watching = LoopJob("watcher", 0.002, watcher.look)
            watching.start()
            do = acts(b, watcher)
            b.wired.plug_in()
            for _ in range(6):
                do["offer"]()
                await asyncio.sleep(1)
            assert b.wired.closed
            for name, pause_s in steps:
                do[name]()
                await asyncio.sleep(pause_s)
            await asyncio.sleep(LAPSE_S)
            assert not b.wired.closed
            watching.close()
            assert watcher.breaches == set()

    with TemporaryDirectory() as folder:
        run_virtual(run(Path(folder)))
