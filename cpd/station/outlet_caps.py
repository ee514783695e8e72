"""What an outlet itself bounds the current by, beside the connector's own bounds: cable, temperature, controller."""

from collections.abc import Callable

from cpd.domain.supply import Cap, ConstraintKind
from hal.evse import Evse


class OutletCaps:
    """The caps of one outlet; *replan* is called when they have changed."""

    def __init__(self, evse: Evse, replan: Callable[[], None]) -> None:
        self._evse = evse
        self._replan = replan
        self._planned = self.now, self.least_ma

    @property
    def now(self) -> tuple[Cap, ...]:
        """What holds at present."""
        outlet = self._evse.snapshot()
        caps = []
        if outlet.cable_a is not None:
            caps.append(Cap(kind=ConstraintKind.CABLE, current_ma=outlet.cable_a * 1_000))
        if outlet.thermal_limit_ma is not None:
            caps.append(Cap(kind=ConstraintKind.TEMPERATURE, current_ma=outlet.thermal_limit_ma))
        return tuple(caps)

    @property
    def least_ma(self) -> int:
        """The least in mA that it can offer."""
        return self._evse.snapshot().min_current_ma

    def look(self) -> None:
        """The outlet derates by itself; the plan follows, so that what is told is what is offered."""
        if (self.now, self.least_ma) != self._planned:
            self._planned = self.now, self.least_ma
            self._replan()
