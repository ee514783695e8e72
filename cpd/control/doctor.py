"""The method `doctor`: every part looked at now, with what was seen and what to do about it."""

from collections.abc import Iterable

from cpd.control.api import DoctorDocument
from cpd.control.method import Caller, Method
from cpd.control.params import Params
from cpd.control.target import ControlTarget
from hal.examination import Finding


async def doctor(target: ControlTarget, _params: Params, _caller: Caller) -> DoctorDocument:
    return doctor_document(await target.examine(), running=True)


def doctor_document(findings: Iterable[Finding], *, running: bool) -> DoctorDocument:
    """*findings* in their order; *running*: the daemon itself was asked."""
    return {
        "schema": "cpd.doctor/1",
        "running": running,
        "findings": [
            {
                "part": finding.part,
                "connector": finding.connector,
                "health": finding.health.value,
                "evidence": finding.evidence,
                "next_step": finding.next_step,
            }
            for finding in findings
        ],
    }


METHODS = {"doctor": Method(Params, doctor)}
