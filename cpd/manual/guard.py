"""cpd-guard(8), from what the guard and safe-outputs say of themselves."""

from cpd.manual.roff import Page, bold, heading, item, paragraph, verbatim
from hal import process, safe_outputs

_STATUSES = {
    process.STOPPED: "Told to stop; every contactor is open.",
    process.UNEXPECTED: "A bug; every contactor is open, and the log has it.",
    process.CONFIGURATION: "cpd.toml has mistakes, or a device is not there; both are told.",
}

_FILES = {
    process.DEFAULT_CONFIG: "The configuration, cpd.toml(5), as far as it is about the hardware.",
    "/run/cpd-guard/guard.sock": "Where cpd commands the outlets.",
    f"/run/cpd-guard/{safe_outputs.RECORD}": "The outputs that safe-outputs has to set.",
    "/var/lib/cpd-guard": "What outlives a restart: faults that wait for service.",
}


def guard_page() -> Page:
    """The page of the process that drives the hardware."""
    lines = [*heading("SYNOPSIS"), f"{bold('/opt/cpd/bin/python -m hal')} [--config FILE]", ".br"]
    lines.append(f"{bold('/opt/cpd/bin/python -m hal safe-outputs')} [--config FILE]")
    lines += heading("DESCRIPTION")
    lines += paragraph(
        'The guard drives the outlets, where cpd.toml has process = "guard" in [hal]: it reads the pilot, closes '
        "and opens the contactors, and hears meters and card readers. It has the devices and no network. What cpd "
        "permits are offers that lapse after 3 s; a vehicle then has 6 s to stop drawing before its contactor opens. "
        "The guard goes on while cpd is restarted."
    )
    lines += paragraph(
        "safe-outputs sets the outputs of a guard that has died: pilot off, contactor open. systemd runs it after "
        "every end of the guard. It needs nothing but the standard library, and sets what the guard has recorded at "
        "its start."
    )
    lines += paragraph(
        "No computer may be the only thing between a person and mains: /usr/share/doc/cpd/safety.md says what else "
        "must be there."
    )
    lines += heading("OPTIONS")
    lines += item(bold("--config FILE"), f"The configuration (CPD_CONFIG, {process.DEFAULT_CONFIG}).")
    lines += heading("EXIT STATUS")
    for status, words in _STATUSES.items():
        lines += item(bold(str(status)), words)
    lines += paragraph(
        "That of safe-outputs is 0 where every output is set, and 1 where one is not, which it names, or where the "
        "guard is running: its outputs are left alone."
    )
    lines += heading("FILES")
    for name, words in _FILES.items():
        lines += item(bold(name), words)
    lines += heading("EXAMPLES")
    lines += verbatim(["systemctl status cpd-guard", "journalctl -u cpd-guard", "cpd doctor"])
    lines += [*heading("SEE ALSO"), *paragraph("cpd(1), cpd-doctor(1), cpd.toml(5)")]
    return Page(name="cpd-guard", section=8, summary="drives the outlets of a charger", lines=lines)
