"""`tillit config`: configuration of proxies that validate tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

import httpx2
import typer

from tillit.cli.saying import note, refusing
from tillit.core.authority import Discovery
from tillit.errors import ConfigError, Unavailable
from tillit.jose.encoding import MalformedJose
from tillit.jose.public_keys import KeySet, read_jwks
from tillit.proxies import Rules, apache, envoy, haproxy, nginx, spring
from tillit.transport import fetch_metadata

Kind = Literal["haproxy", "apache", "nginx", "envoy", "spring"]
_SECONDS: Final = 10.0


def config(
    kind: Annotated[Kind, typer.Argument(help="What the configuration is for.")],
    *,
    issuer: Annotated[str, typer.Option("--issuer", help="Whose tokens; its metadata is fetched.")],
    audience: Annotated[str, typer.Option("--audience", help="Under which audience tokens name the API.")],
    scope: Annotated[list[str], typer.Option("--scope", help="A scope that is needed; repeat it for several.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the files go.")],
    upstream: Annotated[str, typer.Option("--upstream", metavar="HOST:PORT", help="The API.")] = "127.0.0.1:8000",
    listen: Annotated[str, typer.Option("--listen", metavar="HOST:PORT", help="The proxy.")] = "127.0.0.1:8443",
    sidecar: Annotated[
        str, typer.Option("--sidecar", metavar="HOST:PORT", help="For nginx: where the sidecar listens.")
    ] = "127.0.0.1:7164",
) -> None:
    """Write configuration that lets only good tokens through. Files that exist are written over."""
    with refusing(as_json=False):
        found = fetch_metadata(Discovery.of(issuer), within=_SECONDS)
        if found.jwks_uri is None:
            raise ConfigError("the metadata of the issuer names no key set")
        rules = Rules(issuer, found.jwks_uri, audience, tuple(scope), upstream, listen, sidecar)
        if kind == "haproxy":
            files = haproxy(rules, _keys(found.jwks_uri), str(out.absolute()))
        else:
            files = {"apache": apache, "nginx": nginx, "envoy": envoy, "spring": spring}[kind](rules)
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (out / name).write_text(text, encoding="utf-8")
            note(f"Written: {out / name}")


def _keys(jwks_uri: str) -> KeySet:
    try:
        return read_jwks(httpx2.get(jwks_uri, timeout=_SECONDS).raise_for_status().content)
    except (httpx2.HTTPError, MalformedJose) as error:
        raise Unavailable(f"the key set cannot be had: {error}") from None
