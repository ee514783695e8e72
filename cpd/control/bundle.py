"""The methods `bundle`, the archive that GetDiagnostics sends, and `trace`, the last OCPP frames of it."""

from base64 import b64encode
from datetime import timedelta

from cpd.control.api import BundleDocument, TraceDocument
from cpd.control.method import Caller, Method
from cpd.control.params import BundleParams, TraceParams
from cpd.control.target import ControlTarget
from cpd.domain.diagnostics import Window


async def bundle(target: ControlTarget, params: BundleParams, _caller: Caller) -> BundleDocument:
    start_at = None if params.hours is None else target.snapshot().now - timedelta(hours=params.hours)
    made = await target.bundle(Window(start_at=start_at))
    return {
        "schema": "cpd.bundle/1",
        "name": made.file_name,
        "size_bytes": len(made.content),
        "parts": list(made.parts),
        "content": b64encode(made.content).decode(),
    }


async def trace(target: ControlTarget, params: TraceParams, _caller: Caller) -> TraceDocument:
    return await target.trace(params.after, params.limit, params.since_s)


METHODS = {"bundle": Method(BundleParams, bundle), "trace": Method(TraceParams, trace)}
