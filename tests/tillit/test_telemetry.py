"""What an OpenTelemetry reader gets of token clients."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from tests.tillit.stub import Answer, ManualClock, StubAuthority
from tillit import ClientConfig, Rejected, RetryPolicy, TokenClient
from tillit.telemetry import opentelemetry_hook


def read(reader: InMemoryMetricReader) -> dict[str, list[tuple[dict[str, Any], float]]]:
    """Each metric's points: attributes, and the value, of a histogram how many there are."""
    data = reader.get_metrics_data()
    assert data is not None
    metrics = [metric for part in data.resource_metrics for scope in part.scope_metrics for metric in scope.metrics]
    return {
        metric.name: [
            (dict(point.attributes or {}), getattr(point, "count", getattr(point, "value", 0)))
            for point in metric.data.data_points
        ]
        for metric in metrics
    }


def test_metrics_of_two_clients_add_up(
    config: ClientConfig, authority: StubAuthority, clock: ManualClock, at_once: RetryPolicy
) -> None:
    """Misses, retries, refusals and fetches by outcome are counted over all clients that share the hook."""
    reader = InMemoryMetricReader()
    hook = opentelemetry_hook(MeterProvider([reader], shutdown_on_exit=False))
    first, second = (TokenClient(config, clock=clock, retry=at_once, hooks=[hook]) for _ in range(2))
    authority.scripts["/token"].append(Answer(503))
    first.get("a:b")
    first.get("a:b")
    authority.scripts["/token"].append(Answer.error(400, "invalid_scope"))
    for _ in range(2):
        with pytest.raises(Rejected):
            second.get("c:d")

    found = read(reader)
    assert found["tillit.cache.misses"] == [({}, 3)]
    assert found["tillit.retries"] == [({}, 1)]
    assert found["tillit.refusals.remembered"] == [({}, 1)]
    assert found["tillit.refreshes.active"] == [({}, 0)]
    assert sorted(found["tillit.refresh.duration"], key=str) == [({"error.type": "Rejected"}, 1), ({}, 1)]


def test_without_a_provider_nothing_is_lost(config: ClientConfig) -> None:
    """An application that has not set up OpenTelemetry gets its tokens all the same."""
    assert TokenClient(config, hooks=[opentelemetry_hook()]).get("a:b").value


def test_without_the_extra_the_error_names_it() -> None:
    """Where the API of OpenTelemetry is not installed, the import says what to install."""
    code = "import sys; sys.modules['opentelemetry'] = None; import tillit.telemetry"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "tillit[otel]" in done.stderr
