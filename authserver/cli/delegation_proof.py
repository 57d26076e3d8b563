"""`authserver delegation statement|verify`: proof of a delegation, and what a proof that somebody shows is worth."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from authserver.cli import files
from authserver.cli.answer import answering
from authserver.cli.desk import clock, operator, settings
from authserver.cli.options import Json
from authserver.oauth import proof
from authserver.oauth.errors import Reason, Refusal
from authserver.registry import evidence
from authserver.settings import Settings

_STATUS: Final = {
    None: "The statement is genuine; whether the delegation still holds, only a status list says.",
    "active": "The delegation is in force, by the status list given.",
}


def statement(
    delegation_id: Annotated[str, typer.Argument(metavar="ID", help="The delegation's id.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the JSON document there too.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print a signed statement of a delegation; with --json also the giver's own signature, if there is one."""
    with answering(as_json=as_json) as answer:
        document = asyncio.run(_state(delegation_id))
        if out is not None:
            out.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
        if as_json:
            answer.document(document)
        else:
            print(document["statement"])


async def _state(delegation_id: str) -> dict[str, Any]:
    from authserver.services import open_evidence

    async with open_evidence(settings()) as (store, authority):
        found = await evidence.state(store, operator(), clock(), delegation_id=delegation_id, authority=authority)
    kept = found.consent
    return {
        "statement": found.statement,
        "consent": kept.signature if kept else None,
        "consent_key": kept.public_key if kept else None,
    }


def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A statement: a JWS, or the JSON that we gave out.")],
    jwks: Annotated[
        Path | None, typer.Option("--jwks", metavar="FILE", help="The issuer's JWK Set; our own when absent.")
    ] = None,
    status: Annotated[
        Path | None, typer.Option("--status", metavar="FILE", help="The status list that the statement names.")
    ] = None,
    issuer: Annotated[
        str | None, typer.Option("--issuer", metavar="URL", help="Who must have made it; we when absent.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Verify a statement of a delegation with files alone: nothing is asked, and no database is needed."""
    with answering(as_json=as_json) as answer:
        own = settings()
        shown = proof.read(files.read(file, proof.FILE_BYTES))
        listed = None if status is None else files.read_text(status, proof.STATUS_LIST_CHARS).strip()
        keys = proof.keys(_own_keys(own) if jwks is None else files.read(jwks, files.KEY_BYTES))
        proven = proof.verify(shown, keys, issuer or own.issuer, clock(), listed)
        if proven.status not in _STATUS:
            raise Refusal(Reason.INVALID, value=f"The delegation is {proven.status}, by the status list given")
        answer.record(_STATUS[proven.status], _document(proven))


def _own_keys(own: Settings) -> bytes:
    from authserver.services import published_keys

    return published_keys(own)


def _document(proven: proof.Proven) -> dict[str, Any]:
    claims, about = proven.claims, proven.claims["delegation"]
    parties = {name: about[name]["ID"] for name in ("consumer", "supplier", "giver")}
    return {
        "id": claims["sub"],
        "issuer": claims["iss"],
        **parties,
        "scopes": about["scope"].split(" "),
        "valid_from": claims["nbf"],
        "valid_to": claims["exp"],
        "depth": about["depth"],
        "parent": about.get("parent"),
        "purpose": about.get("purpose"),
        "status": proven.status,
        "status_list": claims["status"]["status_list"]["uri"],
        "signed_by_giver": proven.giver_thumbprint,
    }
