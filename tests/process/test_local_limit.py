"""`cpd limit` on a real charger: what was answered holds after SIGKILL, and ends at the same instant."""

import os
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from tests.process.site import site


async def test_a_limit_that_was_answered_survives_a_power_cut_with_its_end(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        answered = await here.charger.cpd("limit", "1", "10A", "--for", "30m", "--json")
        assert answered.status == 0, answered.stderr
        await here.charger.power_cut()
        await here.charger.start()
        limit = (await here.charger.connector())["limit"]
        assert (limit["current_a"], limit["constrained_by"]) == (10.0, {"kind": "local"})
        assert limit["until"] is not None
        moved = datetime.fromisoformat(limit["until"]) - datetime.fromisoformat(answered.document["until"])
        assert abs(moved) <= timedelta(seconds=2)
        off = await here.charger.cpd("limit", "1", "off")
        assert (off.status, off.stdout) == (0, "1 has no local limit\n  now 32 A ← cpd.toml\n")
        with closing(sqlite3.connect(tmp_path / "cpd.db")) as store:
            audited = store.execute(
                "SELECT uid, params FROM audit WHERE method = 'limit' ORDER BY id"
            ).fetchall()
        assert [uid for uid, _ in audited] == [os.geteuid()] * 2
        assert '"current_a":10' in audited[0][1]


async def test_what_would_not_lower_is_refused_with_what_to_do(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        refused = await here.charger.cpd("limit", "1", "40A", "--for", "1h", columns=40, LANG="C.UTF-8")
        assert refused.status == 5
        assert "only lowers" in refused.stderr
        assert max(map(len, refused.stderr.splitlines())) <= 40
