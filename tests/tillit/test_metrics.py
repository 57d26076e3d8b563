"""What a Prometheus server reads of token clients."""

from __future__ import annotations

import subprocess
import sys

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from tests.tillit.stub import Answer, ManualClock, StubAuthority
from tillit import ClientConfig, Rejected, RetryPolicy, TokenClient
from tillit.metrics import prometheus_hook


def test_metrics_of_two_clients_add_up(
    config: ClientConfig, authority: StubAuthority, clock: ManualClock, at_once: RetryPolicy
) -> None:
    """Misses, retries, refusals and fetches by outcome are counted over all clients that share the hook."""
    registry = CollectorRegistry()
    hook = prometheus_hook(registry)
    first, second = (TokenClient(config, clock=clock, retry=at_once, hooks=[hook]) for _ in range(2))
    authority.scripts["/token"].append(Answer(503))
    first.get("a:b")
    first.get("a:b")
    authority.scripts["/token"].append(Answer.error(400, "invalid_scope"))
    for _ in range(2):
        with pytest.raises(Rejected):
            second.get("c:d")

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"tillit_{name}", labels)

    assert value("cache_misses_total") == 3
    assert value("retries_total") == 1
    assert value("refusals_remembered_total") == 1
    assert value("refresh_seconds_count", outcome="success") == 1
    assert value("refresh_seconds_count", outcome="Rejected") == 1
    assert value("refreshes_in_progress") == 0
    assert b"a:b" not in generate_latest(registry)


def test_without_the_extra_the_error_names_it() -> None:
    """Where prometheus-client is not installed, the import says what to install."""
    code = "import sys; sys.modules['prometheus_client'] = None; import tillit.metrics"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "tillit[prometheus]" in done.stderr
