"""`tillit gym`: what an API of one's own lets through."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final

import httpx2
import typer

from tillit.cli.saying import Json, Prefix, note, refusing, say
from tillit.client import TokenClient
from tillit.config import ClientConfig
from tillit.core.authority import Discovery, check_url
from tillit.core.jwks_cache import JwksLimits
from tillit.core.loopback import is_loopback
from tillit.core.request import TokenRequest
from tillit.errors import ConfigError, Unavailable
from tillit.gym import Minted, Trial, as_html, as_text, document
from tillit.jose.encoding import MalformedJose
from tillit.jose.public_keys import VerificationKey, read_jwks
from tillit.transport import Transport, Unreachable, fetch_metadata

_WITHIN: Final = 10.0


def gym(
    address: Annotated[str, typer.Argument(metavar="URL", help="It must answer GET with 2xx for a good token.")],
    *,
    scope: Annotated[list[str] | None, typer.Option("--scope", help="The scope that it wants.")] = None,
    resource: Annotated[str | None, typer.Option("--resource", metavar="URI", help="The API as audience.")] = None,
    minted: Annotated[
        Path | None, typer.Option("--minted", metavar="FILE", help="Wrong tokens that the authority signed.")
    ] = None,
    mine: Annotated[
        bool, typer.Option("--i-own-this-endpoint", help="Needed for an address beyond this machine.")
    ] = False,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write the report as a page too.")] = None,
    prefix: Prefix = None,
    as_json: Json = False,
) -> None:
    """Send wrong tokens to an API of your own, and report what it let through and how to mend that."""
    with refusing(as_json=as_json):
        # Over https, or on this machine: a good token is among those that are sent.
        near = is_loopback(check_url(address, "URL").hostname or "")
        if not mine and not near:
            raise ConfigError("this sends dozens of forged tokens: say --i-own-this-endpoint if it is yours to test")
        wrong = None if minted is None else Minted.read(minted.read_bytes())
        config = ClientConfig.from_env(prefix)
        good = _good(config, scope, resource)
        if wrong is None:
            note("Without --minted only tokens are tried that anybody can forge: see authserver gym.")
        # Nothing but the API itself is to see them, the environment's proxy neither.
        trusted = config.route.context() or True
        with httpx2.Client(timeout=_WITHIN, trust_env=not near, verify=trusted) as http:
            results = Trial(http, address).run(good, _keys(config), wrong)
    if html is not None:
        html.write_text(as_html(address, results), encoding="utf-8")
    report = document(address, results)
    if as_json:
        say(report)
    else:
        sys.stdout.write(as_text(address, results))
    if not report["sound"]:
        raise typer.Exit(1)


def _good(config: ClientConfig, scope: list[str] | None, resource: str | None) -> str:
    wanted = TokenRequest(scope or config.default_scopes, resource or config.resource, config.consumer_org)
    with TokenClient(config) as client:
        return client.get(wanted).value


def _keys(config: ClientConfig) -> tuple[VerificationKey, ...]:
    where, transport = config.where, Transport(None, config.route)
    authority = fetch_metadata(where, transport=transport, within=_WITHIN) if isinstance(where, Discovery) else where
    if authority.jwks_uri is None:
        raise ConfigError("the authority's settings name no key set")
    try:
        reply = transport.send("GET", authority.jwks_uri, within=_WITHIN, max_bytes=JwksLimits().max_bytes)
        return read_jwks(reply.body).keys
    except (Unreachable, MalformedJose) as error:
        raise Unavailable(f"the key set cannot be had: {error}") from None
