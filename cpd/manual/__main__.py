"""``python -m cpd.manual DIR CPD.TOML``: write every page, and what it is also called, under DIR."""

import sys
from collections.abc import Iterator
from pathlib import Path

from cpd import __version__
from cpd.clock import RELEASED
from cpd.manual.commands import command_pages
from cpd.manual.configuration import configuration_page
from cpd.manual.guard import guard_page
from cpd.manual.roff import link


def manual(sample: str) -> Iterator[tuple[str, str]]:
    """The files of the manual by their names, from a *sample* of cpd.toml."""
    for page, names in command_pages():
        yield page.file, page.source(__version__, RELEASED)
        for name in names:
            yield f"man{page.section}/{name}.{page.section}", link(page)
    for page in (configuration_page(sample), guard_page()):
        yield page.file, page.source(__version__, RELEASED)


def main(arguments: list[str]) -> int:
    """Write the manual; returns the exit status."""
    if len(arguments) != 2:
        print("usage: python -m cpd.manual DIR CPD.TOML", file=sys.stderr)
        return 2
    folder, sample = map(Path, arguments)
    for name, source in manual(sample.read_text(encoding="utf-8")):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source, encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
