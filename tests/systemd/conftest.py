"""One machine with the installed package for all tests here, which stay on one worker for it."""

import os
from collections.abc import AsyncIterator, Generator, Iterator

import pytest
import pytest_asyncio

from tests.packaging.package import built_package
from tests.systemd.installed import Installed, Service, online
from tests.systemd.machine import Machine, MachineFailed, missing


def pytest_itemcollected(item: pytest.Item) -> None:
    # Not of the fixtures: whoever runs these tests alone waits there for the package to be built.
    item.add_marker(pytest.mark.timeout(60, func_only=True))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What fails shows the journal of the machine."""
    report = yield
    machine = getattr(item, "funcargs", {}).get("machine")
    if report.failed and machine is not None:
        report.sections.append(("journal of the machine", machine.journal()))
    return report


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    """A booted machine."""
    if (reason := missing()) is not None:
        require = pytest.fail if os.environ.get("CPD_REQUIRE_SYSTEMD") else pytest.skip
        require(f"systemd cannot be booted here: {reason}")
    machine = Machine()
    try:
        machine.boot()
        yield machine
    finally:
        machine.close()


@pytest.fixture(scope="session")
def service(machine: Machine) -> Service:
    """Both services, installed and running."""
    service = Service(machine, built_package())
    try:
        service.install()
    except MachineFailed as error:
        error.add_note(machine.journal())
        raise
    return service


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _installed(service: Service) -> AsyncIterator[Installed]:
    async with online(service) as installed:
        yield installed


@pytest_asyncio.fixture(loop_scope="session")
async def here(_installed: Installed) -> AsyncIterator[Installed]:
    """The service online, whatever the test before has done to it; it does nothing that OCPP 1.6 forbids."""
    await _installed.service.brought_up()
    seen = len(_installed.csms.violations)
    yield _installed
    violations = _installed.csms.violations[seen:]
    assert violations == [], violations
