"""`cpd bundle` at a real charger, running or not: what is in it, and what never is."""

import asyncio
import io
import json
import os
import tarfile
from pathlib import Path

from ocpp.v16 import call

from tests.process.charger import CARD, PATIENCE_S, PROGRAM, Finished
from tests.process.site import site

PASSWORD = "a-planted-password-of-the-link"


def parts(file: Path) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(file.read_bytes())) as archive:
        found = {}
        for member in archive.getmembers():
            content = archive.extractfile(member)
            assert content is not None
            found[member.name.rpartition("/")[2]] = content.read().decode()
    return found


def has_no_secret(found: dict[str, str]) -> bool:
    everything = "\n".join(found.values())
    return not any(secret in everything for secret in ("a-planted", CARD))


def ends_within_40_columns(finished: Finished) -> bool:
    return all(len(line) <= 40 for line in (finished.stdout + finished.stderr).splitlines())


async def test_a_bundle_of_a_running_charger_has_all_but_its_secrets(tmp_path: Path) -> None:
    file = tmp_path / "b.tgz"
    csms = f'security_profile = 1\npassword = "{PASSWORD}"\n'
    async with site(tmp_path, csms=csms, passwords={"CP-0042": PASSWORD}) as here:
        await here.charger.charge()
        location = "ftp://user:a-planted-one@127.0.0.1:1/"
        await here.call(call.GetDiagnostics(location=location))
        await here.log.message(call.DiagnosticsStatusNotification, lambda told: told.status == "UploadFailed")
        finished = await here.charger.cpd("bundle", str(file), columns=40)
        assert (finished.status, finished.stderr) == (0, "")
        trace = await here.charger.cpd("trace", "-n", "100", "--full", columns=40)
        assert (trace.status, trace.stderr) == (0, "") and ends_within_40_columns(trace)
        assert "> GetDiagnostics" not in trace.stdout and "< GetDiagnostics" in trace.stdout
        assert has_no_secret({"trace": trace.stdout.replace("\n  ", "")})
        again = await here.charger.cpd("bundle", str(file), columns=40)
        assert again.status == 5 and ends_within_40_columns(again)
        nowhere = await here.charger.cpd("bundle", str(tmp_path / "no" / "b.tgz"), columns=40)
        assert nowhere.status == 2 and ends_within_40_columns(nowhere)
    found = parts(file)
    assert has_no_secret(found)
    assert "StartTransaction" in found["frames.txt"]
    assert "daemon ready" in found["log.txt"] or "boot registration=Accepted" in found["log.txt"]
    assert json.loads(found["status.json"])["connectors"][0]["ocpp_status"] == "Charging"
    assert "contactor" in {finding["part"] for finding in json.loads(found["doctor.json"])["findings"]}
    assert len(json.loads(found["transactions.list.json"])["transactions"]) == 1


async def test_a_charger_that_does_not_run_still_has_a_bundle(tmp_path: Path) -> None:
    file = tmp_path / "b.tgz"
    csms = "security_profile = 1\npassword_file = 'secret'\n"
    (tmp_path / "secret").write_text(PASSWORD)
    async with site(tmp_path, csms=csms, passwords={"CP-0042": PASSWORD}) as here:
        await here.charger.terminate()
        config = str(here.charger.config)
        finished = await here.charger.cpd("bundle", str(file), columns=40, CPD_CONFIG=config)
        assert finished.status == 3
        assert "cpd is not running" in " ".join(finished.stderr.split())
        assert finished.stdout.startswith("bundle written")
    found = parts(file)
    assert has_no_secret(found)
    assert json.loads(found["configuration-file.json"])["station"]["id"] == "CP-0042"
    assert {"manifest.json", "versions.json", "journal.txt"} <= set(found)


async def test_a_trace_that_is_followed_goes_on_over_a_restart(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        following = await asyncio.create_subprocess_exec(
            *PROGRAM,
            *("trace", "-f", "--json"),
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"CPD_SOCKET": str(here.charger.socket)},
        )
        assert following.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE_S):
                first = json.loads(await following.stdout.readline())
                await here.charger.power_cut()
                await here.charger.start()
                again = json.loads(await following.stdout.readline())
        finally:
            following.kill()
            await following.wait()
    for document in (first, again):
        assert "BootNotification" in [one["action"] for one in document["frames"]]
