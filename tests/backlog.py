"""A store as a charger leaves it that was offline for days: sessions of which the central system knows nothing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cpd.domain.metering import MeterSample, SampleContext
from cpd.domain.transactions import FactKind, Moment, StopReason, Transaction
from cpd.station.repositories import Repositories
from cpd.storage.database import Database

SESSIONS = 50
SAMPLES = 18
"""Of each session; with its start and its stop they are 20 messages."""

MESSAGES = SESSIONS * (SAMPLES + 2)

_SAMPLED_S = 60
_SESSION_S = (SAMPLES + 2) * _SAMPLED_S
_SESSION_WH = 3_600


async def leave_backlog(store: Path, id_tag: str) -> None:
    """Fill *store*, which is not there yet, with `MESSAGES` that wait, in the order of what happened."""

    def fill(repositories: Repositories) -> None:
        for number in range(SESSIONS):
            _leave_session(repositories, number, id_tag)

    async with Database.open(store) as database:
        await database.commit(fill)


def _leave_session(repositories: Repositories, number: int, id_tag: str) -> None:
    began_s, began_wh = number * _SESSION_S, number * _SESSION_WH
    transaction = Transaction(
        local_id=f"{number:032x}",
        order=number + 1,
        connector=1,
        id_tag=id_tag,
        parent_id_tag=None,
        started=_moment(began_s),
        meter_start_wh=began_wh,
        last_meter_wh=began_wh,
    )
    ended = transaction.ending(StopReason.LOCAL, id_tag).ended(
        _moment(began_s + _SESSION_S - 1), began_wh + _SESSION_WH
    )
    repositories.transactions.put(ended)
    repositories.journal.append(FactKind.STARTED, ended.local_id, ended.started)
    for place in range(1, SAMPLES + 1):
        taken = _moment(began_s + place * _SAMPLED_S)
        sample = MeterSample(
            taken=taken,
            context=SampleContext.PERIODIC,
            energy_wh=began_wh + _SESSION_WH * place // (SAMPLES + 1),
            power_w=11_040,
            current_ma=(16_000, 16_000, 16_000),
            voltage_mv=(230_000, 230_000, 230_000),
            offered_ma=16_000,
            offered_w=11_040,
        )
        repositories.journal.append(FactKind.METERED, ended.local_id, taken, sample)
    assert ended.stopped is not None
    repositories.journal.append(FactKind.STOPPED, ended.local_id, ended.stopped)


def _moment(elapsed_s: int) -> Moment:
    """An instant of an earlier boot, days ago."""
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
    return Moment(boot="earlier", monotonic_s=1_000.0 + elapsed_s, at=began + timedelta(seconds=elapsed_s))
