"""`tillit inspect`: what a token or an assertion says, and whether it is to be believed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from tillit.access_errors import AccessError
from tillit.cli.saying import Json, note, refuse, refusing, say
from tillit.core.policy import NO_AUDIENCE
from tillit.errors import ConfigError, redact
from tillit.jose.encoding import MalformedJose
from tillit.jose.unverified import unverified, unverified_audience
from tillit.validator import TokenValidator

_TIMES: Final = ("iat", "nbf", "exp")
_MOST: Final = 64 * 1024
_HIDDEN: Final = "hidden; --show-pid shows it"


def inspect(
    text: Annotated[str | None, typer.Argument(metavar="TOKEN", help="The token; else it is read from stdin.")] = None,
    *,
    verify: Annotated[
        str | None, typer.Option("--verify", metavar="ISSUER", help="Validate it as an access token of this issuer.")
    ] = None,
    audience: Annotated[str | None, typer.Option("--audience", help="For which audience; with --verify.")] = None,
    show_pid: Annotated[bool, typer.Option("--show-pid", help="Show the national identity number, if any.")] = False,
    as_json: Json = False,
) -> None:
    """Show header and claims of a token. Nothing of it is proven unless --verify says so."""
    with refusing(as_json=as_json):
        given = (text if text is not None else sys.stdin.read(_MOST)).strip().removeprefix("Bearer ")
        header, claims = _read(given)
    verdict = "UNVERIFIED" if verify is None else _verdict(given, verify, audience)
    if not show_pid and "pid" in claims:
        claims = {**claims, "pid": _HIDDEN}
    if as_json:
        say({"verdict": verdict, "header": header, "claims": claims})
    else:
        note(verdict)
        say({"header": header, "claims": claims})
        for line in _moments(claims):
            note(line)
    if verdict not in ("UNVERIFIED", "VALID"):
        raise typer.Exit(1)


def _read(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        return unverified(text)
    except MalformedJose as error:
        raise ConfigError(f"this is no signed token: {error}") from None


def _verdict(token: str, issuer: str, audience: str | None) -> str:
    try:
        # Without an audience to look for, whatever the token names: it is shown, and is for the reader to judge.
        wanted = (audience,) if audience else unverified_audience(token)
        TokenValidator.for_issuer(issuer, audience=wanted or NO_AUDIENCE).validate(token)
    except (AccessError, MalformedJose) as error:
        return redact(f"INVALID: {error}")
    except ConfigError as error:
        refuse(error, as_json=False)
    return "VALID"


def _moments(claims: Mapping[str, Any]) -> list[str]:
    told = []
    for name in _TIMES:
        seconds = claims.get(name)
        if isinstance(seconds, int | float) and 0 <= seconds < 253_402_300_800:
            told.append(f"{name}: {datetime.fromtimestamp(seconds, UTC).isoformat(timespec='seconds')}")
    return told
