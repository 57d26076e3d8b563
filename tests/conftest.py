"""What every test shares: one event-loop library, and no silent skips where the machine is complete."""

import os

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio, as the server does."""
    return "asyncio"


def skipped(config: pytest.Config) -> list[pytest.TestReport | pytest.CollectReport]:
    """Return the reports of skipped tests when CI or TILLIT_CI demands that there be none, else nothing."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not (os.environ.get("CI") or os.environ.get("TILLIT_CI")):
        return []
    return list(reporter.stats.get("skipped", []))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if it skipped a test where none may be skipped."""
    if session.exitstatus == pytest.ExitCode.OK and skipped(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which skipped tests failed the run."""
    reports = skipped(terminalreporter.config)
    if not reports:
        return
    terminalreporter.section("skipped, and CI allows no skips", red=True)
    for report in reports:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        terminalreporter.line(f"{report.nodeid}: {reason}")
