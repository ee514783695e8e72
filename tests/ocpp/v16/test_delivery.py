"""Transaction messages: strictly in order, with the attempts and intervals of their keys."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from cpd.domain.metering import SampleContext
from cpd.domain.transactions import StopReason
from cpd.ocpp.calls import (
    MAX_LOSSES,
    AnswerTimeout,
    CallFailed,
    FrameTooBig,
    Lane,
    LinkLost,
    LostInFlight,
    RemoteCallError,
)
from cpd.ocpp.v16.delivery import STORE_RETRY_S, JournalDelivery
from tests.hal.bench import virtual
from tests.station.bench import Bench, bench

KEYS = {"TransactionMessageAttempts": "3", "TransactionMessageRetryInterval": "60"}


class FakeLink:
    """Answers CALLs from a script, well where it has ended; *sent*: (when, action, transactionId)."""

    def __init__(self, here: Bench) -> None:
        self._here = here
        self.script: list[CallFailed | dict[str, Any]] = []
        self.sent: list[tuple[float, str, object]] = []
        self.before_answer: Callable[[], Awaitable[None]] | None = None

    async def call(self, action: str, payload: dict[str, Any], *, lane: Lane) -> dict[str, Any]:
        assert lane is Lane.JOURNAL
        at_s = round(self._here.clock.monotonic_s(), 1)
        self.sent.append((at_s, action, payload.get("transactionId")))
        if self.before_answer is not None:
            await self.before_answer()
        answer = self.script.pop(0) if self.script else started(7)
        if isinstance(answer, CallFailed):
            raise answer
        return answer if action == "StartTransaction" else {}

    @property
    def actions(self) -> list[str]:
        return [action for _, action, _ in self.sent]


def started(number: int, status: str = "Accepted", **info: str) -> dict[str, Any]:
    return {"transactionId": number, "idTagInfo": {"status": status, **info}}


def refused() -> RemoteCallError:
    return RemoteCallError("InternalError", "no", {})


async def session(here: Bench, tag: str = "TAG") -> None:
    """One whole transaction, not delivered yet."""
    await here.charge(tag)
    await here.station.connectors[1].stop(StopReason.REMOTE)
    await here.until(lambda: here.running() is None)
    here.world.plug_out(1)
    await here.status("Available")


async def dead(here: Bench) -> list[tuple[str, int, str | None]]:
    entries = await here.store.relaxed(lambda repositories: repositories.journal.entries(dead=True))
    return [(one.kind.value, one.attempts, one.last_error) for one in entries]


@virtual
async def test_the_number_of_the_start_is_filled_into_the_stop_at_send_time(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp=KEYS) as here:
        await session(here)
        link = FakeLink(here)
        delivery = JournalDelivery(here.station, link, here.timebase)  # type: ignore[arg-type]
        await delivery.deliver_next()
        await delivery.deliver_next()
        assert [(action, number) for _, action, number in link.sent] == [
            ("StartTransaction", None),
            ("StopTransaction", 7),
        ]
        assert here.station.journal.queued == 0


@virtual
async def test_the_wait_grows_with_the_attempts_and_the_last_one_buries_the_message(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp=KEYS) as here:
        await session(here)
        link = FakeLink(here)
        link.script = [refused(), refused(), refused()]
        delivery = JournalDelivery(here.station, link, here.timebase)  # type: ignore[arg-type]
        for _ in range(4):
            await delivery.deliver_next()
        first_s = link.sent[0][0]
        assert [(round(at_s - first_s), action, number) for at_s, action, number in link.sent] == [
            (0, "StartTransaction", None),
            (60, "StartTransaction", None),
            (180, "StartTransaction", None),
            (180, "StopTransaction", -1),
        ]
        assert await dead(here) == [("started", 3, "InternalError: no")]
        assert (here.station.journal.queued, here.station.journal.dead) == (0, 1)


@pytest.mark.parametrize("failure", [refused(), AnswerTimeout("no answer")], ids=["error", "silence"])
@virtual
async def test_one_attempt_means_one(tmp_path: Path, failure: CallFailed) -> None:
    async with bench(tmp_path, ocpp={**KEYS, "TransactionMessageAttempts": "1"}) as here:
        await session(here)
        link = FakeLink(here)
        link.script = [failure]
        await JournalDelivery(here.station, link, here.timebase).deliver_next()  # type: ignore[arg-type]
        assert [kind for kind, *_ in await dead(here)] == ["started"]


@virtual
async def test_a_message_that_is_too_big_and_cannot_shrink_uses_up_its_attempts(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp={**KEYS, "TransactionMessageAttempts": "2"}) as here:
        await session(here)
        link = FakeLink(here)
        link.script = [started(7), FrameTooBig("1009"), FrameTooBig("1009")]
        delivery = JournalDelivery(here.station, link, here.timebase)  # type: ignore[arg-type]
        for _ in range(3):
            await delivery.deliver_next()
        assert link.actions == ["StartTransaction", "StopTransaction", "StopTransaction"]
        assert [(kind, attempts) for kind, attempts, _ in await dead(here)] == [("stopped", 2)]


@virtual
async def test_a_message_that_shrinks_uses_up_no_attempt(tmp_path: Path) -> None:
    keys = {"TransactionMessageAttempts": "1", "StopTxnSampledData": "Energy.Active.Import.Register"}
    async with bench(tmp_path, ocpp=keys) as here:
        await session(here)
        link = FakeLink(here)
        link.script = [started(7), FrameTooBig("1009"), FrameTooBig("1009"), FrameTooBig("1009")]
        delivery = JournalDelivery(here.station, link, here.timebase)  # type: ignore[arg-type]
        for _ in range(3):
            await delivery.deliver_next()
        assert link.actions == ["StartTransaction", *["StopTransaction"] * 2]
        assert [kind for kind, *_ in await dead(here)] == ["stopped"]


@virtual
async def test_a_lost_link_is_no_attempt(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp={**KEYS, "TransactionMessageAttempts": "1"}) as here:
        await session(here)
        link = FakeLink(here)
        link.script = [LinkLost("gone")] * 5
        delivery = JournalDelivery(here.station, link, here.timebase)  # type: ignore[arg-type]
        for _ in range(7):
            await delivery.deliver_next()
        assert link.actions == ["StartTransaction"] * 6 + ["StopTransaction"]
        assert await dead(here) == []


@virtual
async def test_a_message_with_which_the_link_is_lost_each_time_is_buried_and_the_next_one_goes(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, ocpp={**KEYS, "TransactionMessageAttempts": "1"}) as here:
        await session(here)
        link = FakeLink(here)
        link.script = [started(7), *[LostInFlight("gone")] * (MAX_LOSSES - 1)]
        delivery = JournalDelivery(here.station, link, here.timebase)  # type: ignore[arg-type]
        for _ in range(MAX_LOSSES):
            await delivery.deliver_next()
        # What never reached the wire says nothing of the message.
        link.script = [LinkLost("no link"), LostInFlight("gone")]
        await delivery.deliver_next()
        assert await dead(here) == []
        await delivery.deliver_next()
        assert await dead(here) == [("stopped", 1, f"{MAX_LOSSES} times in a row gone")]
        await session(here, "NEXT")
        await delivery.deliver_next()
        await delivery.deliver_next()
        assert link.actions[-3:] == ["StopTransaction", "StartTransaction", "StopTransaction"]
        assert (here.station.journal.queued, here.station.journal.dead) == (0, 1)


@pytest.mark.parametrize("between", [refused(), AnswerTimeout("no answer")], ids=["error", "silence"])
@virtual
async def test_a_link_that_stands_in_between_makes_the_losses_count_anew(
    tmp_path: Path, between: CallFailed
) -> None:
    async with bench(tmp_path, ocpp=KEYS) as here:
        await session(here)
        link = FakeLink(here)
        lost = [LostInFlight("gone")] * (MAX_LOSSES - 1)
        link.script = [*lost, between, *lost]
        delivery = JournalDelivery(here.station, link, here.timebase)  # type: ignore[arg-type]
        for _ in range(2 * MAX_LOSSES + 1):
            await delivery.deliver_next()
        assert link.actions == ["StartTransaction"] * 2 * MAX_LOSSES + ["StopTransaction"]
        assert await dead(here) == []


@virtual
async def test_losses_of_one_message_do_not_count_for_the_next(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp=KEYS) as here:
        await session(here)
        link = FakeLink(here)
        lost = [LostInFlight("gone")] * (MAX_LOSSES - 1)
        link.script = [*lost, started(7), *lost]
        delivery = JournalDelivery(here.station, link, here.timebase)  # type: ignore[arg-type]
        for _ in range(2 * MAX_LOSSES):
            await delivery.deliver_next()
        assert here.station.journal.queued == 0
        assert await dead(here) == []


@virtual
async def test_a_sample_that_went_straight_out_is_counted_from_its_first_loss(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp={**KEYS, "MeterValueSampleInterval": "60"}) as here:
        await here.charge()
        link = FakeLink(here)
        delivery = JournalDelivery(here.station, link, here.timebase)  # type: ignore[arg-type]
        await delivery.deliver_next()
        link.script = [LostInFlight("gone")] * MAX_LOSSES
        running = here.running()
        assert running is not None
        sample = here.station.sampler.sample(1, SampleContext.PERIODIC)
        assert sample is not None
        await here.station.journal.sample(running, sample, answered=True)
        for _ in range(MAX_LOSSES):
            await delivery.deliver_next()
        assert [kind for kind, *_ in await dead(here)] == ["metered"]


@virtual
async def test_what_comes_back_after_its_losses_has_all_of_them_again(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp=KEYS) as here:
        await session(here)
        link = FakeLink(here)
        link.script = [LostInFlight("gone")] * MAX_LOSSES
        delivery = JournalDelivery(here.station, link, here.timebase)  # type: ignore[arg-type]
        for _ in range(MAX_LOSSES):
            await delivery.deliver_next()
        entries = await here.station.journal.entries(dead=True)
        await here.station.journal.revive([one.seq for one in entries if one.seq is not None])
        link.script = [LostInFlight("gone")]
        await delivery.deliver_next()
        assert await dead(here) == []


@virtual
async def test_what_was_buried_comes_back_in_its_place_with_all_its_attempts(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp={**KEYS, "TransactionMessageAttempts": "1"}) as here:
        await session(here)
        link = FakeLink(here)
        link.script = [refused()]
        delivery = JournalDelivery(here.station, link, here.timebase)  # type: ignore[arg-type]
        await delivery.deliver_next()
        entries = await here.store.relaxed(lambda repositories: repositories.journal.entries(dead=True))
        assert await here.station.journal.revive([entries[0].seq])
        await delivery.deliver_next()
        await delivery.deliver_next()
        assert [(action, number) for _, action, number in link.sent[1:]] == [
            ("StartTransaction", None),
            ("StopTransaction", 7),
        ]


@virtual
async def test_an_answer_that_the_store_does_not_take_is_not_asked_for_again(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp=KEYS) as here:
        await session(here)
        link = FakeLink(here)

        async def fail_twice() -> None:
            here.store.failures = 2
            link.before_answer = None

        link.before_answer = fail_twice
        delivery = JournalDelivery(here.station, link, here.timebase)  # type: ignore[arg-type]
        began_s = here.clock.monotonic_s()
        await delivery.deliver_next()
        assert here.clock.monotonic_s() - began_s == pytest.approx(2 * STORE_RETRY_S)
        await delivery.deliver_next()
        assert link.actions == ["StartTransaction", "StopTransaction"]
        assert link.sent[-1][2] == 7
        assert here.station.journal.queued == 0


@pytest.mark.parametrize("number", [0, -1, 7])
@pytest.mark.parametrize("status", ["Invalid", "Blocked", "Expired", "ConcurrentTx"])
@virtual
async def test_a_start_that_is_not_accepted_ends_under_the_number_it_was_given(
    tmp_path: Path, number: int, status: str
) -> None:
    async with bench(tmp_path, ocpp=KEYS) as here:
        await here.charge()
        link = FakeLink(here)
        link.script = [started(number, status)]
        delivery = JournalDelivery(here.station, link, here.timebase)  # type: ignore[arg-type]
        await delivery.deliver_next()
        await here.until(lambda: here.running() is None)
        await delivery.deliver_next()
        assert link.sent[-1][1:] == ("StopTransaction", number)
        assert [one.stop_reason for one in await here.stopped()] == [StopReason.DEAUTHORIZED]


@virtual
async def test_an_answer_after_the_transaction_has_ended_does_nothing_to_the_next_one(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp=KEYS) as here:
        await session(here)
        await here.charge("NEXT")
        link = FakeLink(here)
        link.script = [started(7, "Blocked")]
        await JournalDelivery(here.station, link, here.timebase).deliver_next()  # type: ignore[arg-type]
        await here.clock.sleep(10)
        running = here.running()
        assert running is not None
        assert (running.stop_reason, running.csms_id) == (None, None)
        assert here.station.connectors[1].report.status == "Charging"


@virtual
async def test_a_transaction_that_ends_while_its_start_is_answered_is_stopped_once(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp=KEYS) as here:
        await here.charge()
        link = FakeLink(here)

        async def unplug() -> None:
            link.before_answer = None
            here.world.plug_out(1)
            await here.until(lambda: here.running() is None)

        link.before_answer = unplug
        link.script = [started(7, "Invalid")]
        delivery = JournalDelivery(here.station, link, here.timebase)  # type: ignore[arg-type]
        await delivery.deliver_next()
        await delivery.deliver_next()
        assert link.sent[-1][1:] == ("StopTransaction", 7)
        assert [one.stop_reason for one in await here.stopped()] == [StopReason.EV_DISCONNECTED]


@virtual
async def test_the_answer_to_a_start_renews_what_the_cache_knows_of_the_card(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp=KEYS) as here:
        await here.charge()
        link = FakeLink(here)
        link.script = [started(7, "Blocked")]
        await JournalDelivery(here.station, link, here.timebase).deliver_next()  # type: ignore[arg-type]
        known = await here.store.relaxed(lambda repositories: repositories.authorizations.get("TAG"))
        assert known is not None
        assert known.status == "Blocked"


@virtual
async def test_a_sample_without_a_chosen_measurand_is_skipped(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp={**KEYS, "MeterValueSampleInterval": "60"}) as here:
        await here.charge()
        await here.clock.sleep(61)
        await here.station.configuration.change("MeterValuesSampledData", "", "csms")
        assert here.station.journal.queued == 2
        link = FakeLink(here)
        delivery = JournalDelivery(here.station, link, here.timebase)  # type: ignore[arg-type]
        await delivery.deliver_next()
        await delivery.deliver_next()
        assert link.actions == ["StartTransaction"]
        assert here.station.journal.queued == 0
