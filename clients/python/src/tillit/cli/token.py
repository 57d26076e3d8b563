"""`tillit token`: one access token, for the settings in the environment."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tillit.cli.saying import Json, Prefix, refusing, say
from tillit.client import TokenClient
from tillit.core.request import TokenRequest


def token(
    *,
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="A scope; repeat it for several. Else SCOPES of the settings.")
    ] = None,
    consumer_org: Annotated[
        str | None, typer.Option("--consumer-org", metavar="ORGNO", help="On whose behalf, if delegated.")
    ] = None,
    resource: Annotated[str | None, typer.Option("--resource", metavar="URI", help="The API it is for.")] = None,
    header: Annotated[bool, typer.Option("--header", help="As an Authorization header, for curl -H @-.")] = False,
    prefix: Prefix = None,
    as_json: Json = False,
) -> None:
    """Get an access token, and print it alone."""
    with refusing(as_json=as_json), TokenClient.from_env(prefix) as client:
        # The key would end with this process, and the token be worth nothing.
        client.require_bearer()
        settings = client.config
        wanted = TokenRequest(
            scope or settings.default_scopes, resource or settings.resource, consumer_org or settings.consumer_org
        )
        got = client.get(wanted)
    if as_json:
        say(
            {
                "access_token": got.value,
                "token_type": "Bearer",
                "expires_in": int(got.expires_in()),
                "scope": " ".join(got.scopes),
            }
        )
    elif header:
        sys.stdout.write(f"Authorization: {got.authorization}\n")
    else:
        sys.stdout.write(f"{got.value}\n")
