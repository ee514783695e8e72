"""LocalAuthListManagement profile: requests of the CSMS (OCPP 1.6 §5.10, §5.15). Request in, domain call, reply out.

They are answered also while the profile is off: both answers have a value that says so.
"""

from collections.abc import Mapping
from typing import Any

from cpd.domain.local_list import ListedTag, ListUpdate
from cpd.ocpp.v16.context import Context, Handler, Payload
from cpd.ocpp.v16.translate import id_tag_info_from


async def get_local_list_version(context: Context, _request: Payload) -> dict[str, Any]:
    """The version of the list; 0 while it is empty, -1 while it is not served or not enabled (§5.10)."""
    return {"listVersion": await context.station.local_list.version()}


async def send_local_list(context: Context, request: Payload) -> dict[str, Any]:
    """Replace the list or change it, as a whole or not at all; Accepted once it is kept (§5.15)."""
    update = ListUpdate(
        version=request["listVersion"],
        full=request["updateType"] == "Full",
        tags=tuple(_listed(entry) for entry in request.get("localAuthorizationList", ())),
    )
    return {"status": (await context.station.local_list.update(update)).value}


HANDLERS: dict[str, Handler] = {
    "GetLocalListVersion": get_local_list_version,
    "SendLocalList": send_local_list,
}


def _listed(entry: Mapping[str, Any]) -> ListedTag:
    info = entry.get("idTagInfo")
    return ListedTag(id_tag=entry["idTag"], info=None if info is None else id_tag_info_from(info))
