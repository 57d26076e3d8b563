"""`tillit sidecar`: tokens over loopback for programs in any language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from tillit.cli.saying import Prefix, note, refusing
from tillit.config import ClientConfig
from tillit.core.authority import Discovery
from tillit.core.loopback import is_loopback
from tillit.errors import ConfigError

if TYPE_CHECKING:
    from starlette.applications import Starlette

_EXTRA: Final = "tillit sidecar needs the extra `sidecar`: install tillit[sidecar]"


def sidecar(
    *,
    host: Annotated[str, typer.Option("--host", help="Where to listen. Whoever reaches it gets tokens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 7164,
    audience: Annotated[
        str | None, typer.Option("--audience", help="Introspect only tokens for this audience; else the caller looks.")
    ] = None,
    open_to_the_network: Annotated[
        bool, typer.Option("--open-to-the-network", help="Let other machines get tokens; --host says by which address.")
    ] = False,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", help="A name beside localhost by which it may be called.")
    ] = None,
    prefix: Prefix = None,
) -> None:
    """Serve the JSON API of Texas for the client in the settings, until it is stopped."""
    with refusing(as_json=False):
        if not open_to_the_network and not is_loopback(host):
            raise ConfigError("whoever reaches that address would get tokens: say --open-to-the-network if all may")
        config = ClientConfig.from_env(prefix)
        app = _app(config, audience, allow_host or [], from_anywhere=open_to_the_network)
        note(f"Tokens of {config.client_id} at http://{host}:{port}/api/v1/token")
        _serve(app, host, port)


def _app(config: ClientConfig, audience: str | None, hosts: list[str], *, from_anywhere: bool) -> Starlette:
    try:
        from prometheus_client import CollectorRegistry  # noqa: PLC0415 - an extra

        from tillit.aio import AsyncTokenClient  # noqa: PLC0415
        from tillit.jwks import JwksSource  # noqa: PLC0415
        from tillit.metrics import prometheus_hook  # noqa: PLC0415
        from tillit.sidecar import Judge, sidecar_app  # noqa: PLC0415
        from tillit.status_check import StatusCheck  # noqa: PLC0415
        from tillit.status_lists import OUTAGE, StatusLists  # noqa: PLC0415
    except ImportError:
        raise ConfigError(_EXTRA) from None
    where = config.where
    issuers = where.issuers if isinstance(where, Discovery) else (where.issuer,)
    keys = JwksSource(where, route=config.route)
    lists = {issuer: StatusLists(issuer, keys, route=config.route, max_stale=OUTAGE) for issuer in issuers}
    judge = Judge(issuers, keys, audience, status=StatusCheck(lists))
    registry = CollectorRegistry()
    client = AsyncTokenClient(config, hooks=[prometheus_hook(registry)])
    return sidecar_app(client, judge, hosts=hosts, from_anywhere=from_anywhere, registry=registry)


def _serve(app: Starlette, host: str, port: int) -> None:
    try:
        import uvicorn  # noqa: PLC0415 - an extra
    except ImportError:
        raise ConfigError(_EXTRA) from None
    # Who sent a request is who is connected, whatever X-Forwarded-For says.
    uvicorn.run(
        app, host=host, port=port, log_level="warning", access_log=False, server_header=False, proxy_headers=False
    )
