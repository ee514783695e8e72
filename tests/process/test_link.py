"""The link of a real daemon: passwords, certificates, refusals in words, and charging on without a central system."""

from pathlib import Path
from typing import Any

import pytest

from cpd.control.api import StatusDocument
from cpd.lab.csms.behaviour import Behaviour
from tests.certificates import make_certificates, server_tls
from tests.process.charger import CARD, STATION, Charger, charger
from tests.process.site import site

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


async def refusal(here: Charger) -> str:
    """What `cpd status` says of a link that cannot be had, on one line."""
    await here.until(lambda status: status["csms"]["last_error"] is not None)
    shown = await here.cpd("status", columns=40)
    assert shown.status == 0, shown
    return " ".join(shown.stdout.split())


async def test_security_profile_1_boots_with_the_password(tmp_path: Path) -> None:
    csms = f'security_profile = 1\npassword = "{PASSWORD}"'
    async with site(tmp_path, passwords={STATION: PASSWORD}, csms=csms) as here:
        status = await here.charger.until_online()
        assert status["csms"]["security_profile"] == 1
        assert PASSWORD not in here.charger.log
        assert PASSWORD not in (await here.charger.cpd("status", "--json")).stdout


async def test_security_profile_0_keeps_its_password_to_itself(tmp_path: Path) -> None:
    csms = f'security_profile = 0\npassword = "{PASSWORD}"'
    async with site(tmp_path, passwords={STATION: PASSWORD}, csms=csms, boots=False) as here:
        assert "HTTP 401" in await refusal(here.charger)


async def test_security_profile_2_boots_over_tls(tmp_path: Path, certificates: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    csms = f'security_profile = 2\npassword_file = "password"\nca_file = "{certificates}/ca.pem"'
    tls = server_tls(certificates, "server")
    async with site(tmp_path, passwords={STATION: PASSWORD}, tls=tls, csms=csms) as here:
        status = await here.charger.until_online()
        assert (status["csms"]["security_profile"], status["csms"]["verify_hostname"]) == (2, True)


async def test_a_host_name_that_is_not_verified_is_shown(tmp_path: Path, certificates: Path) -> None:
    csms = f'verify_hostname = false\nca_file = "{certificates}/ca.pem"'
    async with site(tmp_path, tls=server_tls(certificates, "other"), csms=csms) as here:
        status = await here.charger.until_online()
        assert not status["csms"]["verify_hostname"]
        assert "verify_hostname" in here.charger.log, "warned about at each start"


@pytest.mark.parametrize(
    ("certificate", "csms", "words"),
    [
        ("server", "", "was issued by Test CA, which the server does not send along"),
        ("other", 'ca_file = "{folder}/ca.pem"', "is for other.example, and you dial 127.0.0.1"),
    ],
    ids=["unknown CA", "wrong host"],
)
async def test_a_certificate_that_proves_nothing_is_refused(
    tmp_path: Path, certificates: Path, certificate: str, csms: str, words: str
) -> None:
    tls = server_tls(certificates, certificate)
    async with site(tmp_path, tls=tls, csms=csms.format(folder=certificates), boots=False) as here:
        said = await refusal(here.charger)
        assert "TLS: " in said and words in said
        assert here.log.connections == 0


@pytest.mark.parametrize(
    ("lab", "words"),
    [
        ({"passwords": {STATION: "another"}}, "HTTP 401: the central system refuses the password"),
        (
            {"behaviour": Behaviour(upgrade_status=404)},
            "HTTP 404: the central system has nothing at this path",
        ),
        (
            {"behaviour": Behaviour(subprotocol=None)},
            "does not select ocpp1.6: another OCPP version, or no OCPP",
        ),
        ({"behaviour": Behaviour(registration="Rejected")}, "connected, boot Rejected"),  # type: ignore[arg-type]
    ],
    ids=["401", "404", "no subprotocol", "boot rejected"],
)
async def test_a_refusal_is_a_sentence_in_the_status(tmp_path: Path, lab: dict[str, Any], words: str) -> None:
    csms = f'security_profile = 1\npassword = "{PASSWORD}"'
    async with site(tmp_path, csms=csms, boots=False, **lab) as here:

        def told(status: StatusDocument) -> bool:
            return bool(status["csms"]["last_error"]) or status["csms"]["registration"] == "Rejected"

        await here.charger.until(told)
        shown = await here.charger.cpd("status", columns=40)
        assert words in " ".join(shown.stdout.split()), shown.stdout
        assert (await here.charger.cpd("status", "--check")).status == 10


async def test_an_unknown_card_charges_within_the_limits_where_no_csms_can_be_reached(tmp_path: Path) -> None:
    async with charger(
        tmp_path,
        url="ws://127.0.0.1:9/ocpp",
        connector="max_current_a = 16",
        ocpp="AllowOfflineTxForUnknownId = true",
    ) as here:
        assert "127.0.0.1:9 refuses the connection" in await refusal(here)
        connector = await here.charge()
        assert (connector["limit"]["current_a"], connector["pilot"]["duty_percent"]) == (16.0, 26.6)
        assert connector["transaction"] is not None and connector["transaction"]["id"] is None
        assert "tx not yet known to the CSMS" in (await here.cpd("status", "1")).stdout


async def test_a_card_that_the_csms_knew_charges_offline_and_is_booked_later(tmp_path: Path) -> None:
    async with site(tmp_path, connectors=2) as here:
        await here.charger.charge(1)
        await here.charger.call("mock.plug_out", connector=1)
        await here.booked(1)

        here.csms.behaviour = Behaviour(upgrade_status=503)
        here.csms.drop(STATION)
        await here.charger.until(lambda status: not status["csms"]["connected"])
        await here.charger.call("mock.plug_in", connector=2)
        await here.charger.call("mock.swipe", id_tag="STRANGER", connector=2)
        refused = await here.charger.until_connector(
            lambda one: one["blockers"][0]["code"] == "CARD_UNKNOWN_OFFLINE", 2
        )
        assert refused["offer_a"] == 0
        await here.charger.call("mock.swipe", id_tag=CARD, connector=2)
        await here.charger.until_status("Charging", 2)
        await here.charger.call("mock.plug_out", connector=2)
        await here.charger.until_connector(lambda one: one["transaction"] is None, 2)
        assert (await here.charger.status())["csms"]["queued"] >= 2

        here.csms.behaviour = Behaviour()
        _, offline = await here.booked(2)
        assert (offline.starts, offline.stops, offline.reason) == (1, 1, "EVDisconnected")
        assert (await here.charger.until(lambda status: not status["csms"]["queued"]))["csms"]["dead"] == 0
