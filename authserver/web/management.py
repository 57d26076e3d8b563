"""The management listener: liveness, readiness and metrics. Not for the public network."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

Checks = Mapping[str, Callable[[], Awaitable[str]]]
"""Each part by name, and a question that answers with a sentence when it is not ready, else with nothing."""


Nodes = Callable[[], Awaitable[list[dict[str, object]]]]
"""What every node last said of itself."""


def management_app(checks: Checks, nodes: Nodes, metrics: CollectorRegistry) -> FastAPI:
    """Serve `/livez` (the process answers), `/readyz` (it can decide), `/metrics` (Prometheus text), `/api/v1/nodes`.

    The last tells every node with the policy epoch it decides under and how many epochs it lags behind.
    """
    app = FastAPI(title="Tillit management", openapi_url=None, redirect_slashes=False)

    @app.get("/livez")
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz")
    async def readyz(response: Response) -> dict[str, object]:
        faults = {name: sentence for name, check in checks.items() if (sentence := await check())}
        response.status_code = 503 if faults else 200
        return {"status": "not ready" if faults else "ready", "faults": faults}

    @app.get("/metrics")
    async def prometheus() -> Response:
        return Response(generate_latest(metrics), media_type=CONTENT_TYPE_LATEST)

    @app.get("/api/v1/nodes")
    async def every_node() -> list[dict[str, object]]:
        return await nodes()

    return app
