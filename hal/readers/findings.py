"""What readers say of themselves when somebody looks, in the same words."""

from hal.errors import DeviceUnavailable
from hal.examination import Finding, Health


def working(connector: int | None, evidence: str) -> Finding:
    """The reader of *connector* (None: everybody's) does what it should."""
    return Finding(part="reader", connector=connector, health=Health.OK, evidence=evidence)


def doubtful(connector: int | None, evidence: str, next_step: str) -> Finding:
    """It works, but not as it should."""
    return Finding(
        part="reader", connector=connector, health=Health.WARNING, evidence=evidence, next_step=next_step
    )


def lost(connector: int | None, trouble: DeviceUnavailable) -> Finding:
    """It is not there, or does not answer."""
    return Finding(
        part="reader",
        connector=connector,
        health=Health.FAILED,
        evidence=f"{trouble.device}: {trouble.reason}",
        next_step=trouble.next_step,
    )
