"""Invariant 15: the phase relay moves only at rest, rarely, and never connects more than is permitted."""

from hal.outlet.config import OutletConfig
from hal.outlet.state import Offered, SelectPhases
from hal.values import ContactorState
from tests.hal.search.graph import Moment
from tests.hal.search.observing import Memory, Watch, counted, demand, unplugged


def phases_change_at_rest(config: OutletConfig) -> Watch:
    """15. Memory: the phases of the last offer, those connected (None: before the first setting), and the ticks
    without PWM, with the contactor open, and since the last change, each in this plug-in (None: never or not yet).
    """
    t = config.timings

    def watch(memory: Memory, moment: Moment) -> Memory:
        permitted, connected, steady, parted, moved = memory or (0, None, 0, None, None)
        before, after = moment.before, moment.after
        if isinstance(moment.event.user, Offered) and moment.event.user.offer is not None:
            permitted = moment.event.user.offer.phases
        steady = None if steady is None else counted(steady, moment, t.phase_switch_s)
        parted = None if parted is None else counted(parted, moment, t.phase_switch_s)
        moved = None if moved is None else counted(moved, moment, t.phase_switch_spacing_s)
        if before.offering:
            steady = 0
        if before.closed:
            parted = 0
        if unplugged(moment):
            steady = parted = moved = None
        for action in moment.actions:
            if isinstance(action, SelectPhases):
                demand(not after.closed and after.feedback is ContactorState.OPEN, "moved behind a contactor")
                if connected is not None:
                    demand(not after.faults, "moved on a fault")
                    demand(after.pilot in ("A", "B", "C", "D"), f"moved in {after.pilot}")
                    demand(
                        steady is None or steady >= t.phase_switch_s, f"moved {steady} ticks after the PWM"
                    )
                    demand(
                        parted is None or parted >= t.phase_switch_s, f"moved {parted} ticks after opening"
                    )
                    demand(moved is None or moved >= t.phase_switch_spacing_s, f"moved {moved} ticks apart")
                    moved = None if unplugged(moment) else 0
                connected = action.phases
        demand(connected == after.phases or not (after.offering or after.closed), "the relay was never set")
        if after.offering:
            demand(after.phases <= permitted, f"{after.phases} phases where {permitted} are permitted")
            steady = 0
        return permitted, connected, steady, parted, moved

    return watch
