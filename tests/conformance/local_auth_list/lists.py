"""A local list as it goes over the wire."""

from typing import Any

from tests.conformance.station import Station


def entry(id_tag: str, status: str | None = "Accepted", **more: Any) -> dict[str, Any]:
    """One entry of a list; without a status it takes the idTag out."""
    return {"idTag": id_tag} if status is None else {"idTag": id_tag, "idTagInfo": {"status": status, **more}}


async def send(here: Station, version: int, kind: str, *entries: dict[str, Any]) -> str:
    """The status of a SendLocalList."""
    listed = {"localAuthorizationList": list(entries)} if entries else {}
    return str((await here.ask("SendLocalList", listed, listVersion=version, updateType=kind))["status"])


async def version(here: Station) -> int:
    return int((await here.ask("GetLocalListVersion"))["listVersion"])
