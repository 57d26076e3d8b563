"""`authserver client key`: the public keys a client authenticates with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from authserver.cli import documents
from authserver.cli.answer import answering
from authserver.cli.desk import Desk, change_at_desk
from authserver.cli.files import KEY_BYTES, read_jwk, read_text
from authserver.cli.options import Json, Reason, noun, seconds
from authserver.oauth.models import ClientKey
from authserver.registry import keys

verbs = noun("Keys of a client: public ones, each for a year at most.")
ClientId = Annotated[str, typer.Argument(metavar="CLIENT_ID", help="The client's id.")]
Jwk = Annotated[Path | None, typer.Option("--jwk", metavar="FILE", help="Its public key, as a JWK.")]
Pem = Annotated[Path | None, typer.Option("--pem", metavar="FILE", help="Its public key, in PEM.")]
Kid = Annotated[str | None, typer.Option("--kid", help="Id of the key; else the JWK's, else its thumbprint.")]


@verbs.command("add")
def add(
    client_id: ClientId,
    *,
    jwk: Jwk = None,
    pem: Pem = None,
    kid: Kid = None,
    alg: Annotated[str | None, typer.Option("--alg", help="The one algorithm it is for; else the JWK's.")] = None,
    expires: Annotated[str | None, typer.Option("--expires", metavar="ISO8601", help="End within a year.")] = None,
    reactivate: Annotated[bool, typer.Option("--reactivate", help="Take back a key that was removed.")] = False,
    as_json: Json = False,
) -> None:
    """Register a key on a client, or renew it for a year."""
    if jwk is None and pem is None:
        raise typer.BadParameter("give the key with --jwk or --pem")
    one_at_most(jwk, pem, kid)
    end = None if expires is None else seconds(expires)

    async def work(desk: Desk) -> ClientKey:
        offered = offer(desk, jwk, pem, kid, alg=alg, expires_at=end, reactivate=reactivate)
        return await keys.add(desk.store, desk.actor, desk.now, client_id=client_id, offer=offered)

    with answering(as_json=as_json) as answer:
        changed = change_at_desk(work)
        answer.record("The key is registered.", documents.key(changed.record), changed.effect)


# A key id may begin with a hyphen.
@verbs.command("remove", context_settings={"ignore_unknown_options": True})
def remove(
    client_id: ClientId,
    kid: Annotated[str, typer.Argument(metavar="KID", help="Id of the key.")],
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Deactivate a key; nothing signed with it is accepted from then on."""
    with answering(as_json=as_json) as answer:
        changed = change_at_desk(
            lambda d: keys.remove(d.store, d.actor, d.now, client_id=client_id, kid=kid, reason=reason)
        )
        answer.record("The key is deactivated.", documents.key(changed.record), changed.effect)


def one_at_most(jwk: Path | None, pem: Path | None, kid: str | None) -> None:
    """Check that at most one key is given, and a kid only with one. Raises typer.BadParameter."""
    if jwk is not None and pem is not None:
        raise typer.BadParameter("give --jwk or --pem, not both")
    if kid is not None and jwk is None and pem is None:
        raise typer.BadParameter("--kid names a key; give it with --jwk or --pem")


def offer(
    desk: Desk,
    jwk: Path | None,
    pem: Path | None,
    kid: str | None,
    *,
    alg: str | None = None,
    expires_at: int | None = None,
    reactivate: bool = False,
) -> keys.KeyOffer:
    """Read the key file. Raises UnreadableFileError."""
    if jwk is not None:
        material = read_jwk(jwk)
        return keys.KeyOffer(material, kid, alg, expires_at, desk.examples_allowed, reactivate)
    text = "" if pem is None else read_text(pem, KEY_BYTES)
    return keys.KeyOffer(text, kid, alg, expires_at, desk.examples_allowed, reactivate)
