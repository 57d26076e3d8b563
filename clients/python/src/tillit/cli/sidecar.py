"""`tillit sidecar`: tokens over loopback for programs in any language."""

from __future__ import annotations

from typing import Annotated

import typer

from tillit.cli.saying import Prefix, note, refusing
from tillit.config import ClientConfig
from tillit.core.authority import Discovery
from tillit.errors import ConfigError


def sidecar(
    *,
    host: Annotated[str, typer.Option("--host", help="Where to listen. Whoever reaches it gets tokens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 7164,
    audience: Annotated[
        str | None, typer.Option("--audience", help="Introspect only tokens for this audience; else the caller looks.")
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", help="A name beside localhost by which it may be called.")
    ] = None,
    prefix: Prefix = None,
) -> None:
    """Serve the JSON API of Texas for the client in the settings, until it is stopped."""
    with refusing(as_json=False):
        config = ClientConfig.from_env(prefix)
        _serve(config, host, port, audience, allow_host or [])


def _serve(config: ClientConfig, host: str, port: int, audience: str | None, hosts: list[str]) -> None:
    try:
        import uvicorn  # noqa: PLC0415 - an extra

        from tillit.aio import AsyncTokenClient  # noqa: PLC0415
        from tillit.jwks import JwksSource  # noqa: PLC0415
        from tillit.sidecar import Judge, sidecar_app  # noqa: PLC0415
        from tillit.status_check import StatusCheck  # noqa: PLC0415
        from tillit.status_lists import StatusLists  # noqa: PLC0415
    except ImportError:
        raise ConfigError("tillit sidecar needs the extra `sidecar`: install tillit[sidecar]") from None
    where = config.where
    issuers = where.issuers if isinstance(where, Discovery) else (where.issuer,)
    keys = JwksSource(where, route=config.route)
    lists = {issuer: StatusLists(issuer, keys, route=config.route) for issuer in issuers}
    judge = Judge(issuers, keys, audience, status=StatusCheck(lists))
    app = sidecar_app(AsyncTokenClient(config), judge, hosts=hosts)
    note(f"Tokens of {config.client_id} at http://{host}:{port}/api/v1/token")
    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False, server_header=False)
