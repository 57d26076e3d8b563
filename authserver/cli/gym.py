"""`authserver gym`: wrong tokens for `tillit gym`, which finds out what an API lets through."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from authserver.cli.answer import answering
from authserver.cli.desk import clock, operator, settings
from authserver.cli.options import Json, Reason
from authserver.registry.gym import mint


def gym(
    scope: Annotated[str, typer.Argument(metavar="SCOPE", help="The scope that the API wants.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the tokens go; for its owner alone.")],
    audience: Annotated[
        str | None, typer.Option("--audience", help="How the API is addressed; else as the scope says.")
    ] = None,
    other_consumer: Annotated[
        bool,
        typer.Option("--other-consumer", help="One more, right but for an organisation that the API does not admit."),
    ] = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Sign access tokens that are each wrong in one thing, to try the API of a scope's owner with, within minutes."""
    with answering(as_json=as_json) as answer:
        document = asyncio.run(_minted(scope, audience, reason, other_consumer=other_consumer))
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(document, indent=2) + "\n")
        told = {"file": str(out), "scope": scope, "tokens": len(document["exercises"])}
        answer.record("The tokens are signed. Most can be used for five minutes: run tillit gym now.", told)


async def _minted(scope: str, audience: str | None, reason: str, *, other_consumer: bool) -> dict[str, Any]:
    from authserver.services import open_evidence

    async with open_evidence(settings()) as (store, authority):
        now = clock()
        minted = await mint(
            store,
            operator(),
            now,
            scope=scope,
            audience=audience,
            authority=authority,
            other_consumer=other_consumer,
            reason=reason,
        )
        wrong = [{"name": one.name, "token": one.token, "status": one.status} for one in minted]
        return {"issuer": authority.issuer, "scope": scope, "minted_at": now, "exercises": wrong}
