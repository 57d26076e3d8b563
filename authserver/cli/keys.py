"""`authserver keys`: the authority's own signing keys."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import typer

from authserver.cli.answer import answering
from authserver.cli.desk import settings
from authserver.cli.keys_expiring import expiring
from authserver.cli.options import Json, noun
from authserver.keys.life import ACTIVATE_IN
from authserver.keys.ring import KeyDescription, KeyRing

verbs = noun("Signing keys of this authority, and keys of clients that will soon stop.")
verbs.command("expiring")(expiring)
_COLUMNS = ("kid", "alg", "state", "active_from", "retired_at", "removed_at")


@verbs.command("list")
def list_(as_json: Json = False) -> None:
    """Show the signing keys and their state."""
    with answering(as_json=as_json) as answer:
        shown = [document(key) for key in ring().list()]
        answer.rows(shown, _COLUMNS, "There is no signing key yet; authserver init makes the first ones.")


@verbs.command("rotate")
def rotate(
    alg: Annotated[str, typer.Option("--alg", help="The algorithm to get a new key for.")],
    activate_in: Annotated[
        int, typer.Option("--activate-in", metavar="SECONDS", help="When it starts signing; 0 only in an emergency.")
    ] = ACTIVATE_IN,
    as_json: Json = False,
) -> None:
    """Announce a new key, which takes over later so that validators know it by then."""
    with answering(as_json=as_json) as answer:
        answer.record("The new key is published.", document(ring().rotate(alg, activate_in=activate_in)))


# A thumbprint may begin with a hyphen.
@verbs.command("retire", context_settings={"ignore_unknown_options": True})
def retire(kid: Annotated[str, typer.Argument(metavar="KID", help="Id of the key.")], as_json: Json = False) -> None:
    """Take a key out of the published set at once; the one that signs must be rotated first."""
    with answering(as_json=as_json) as answer:
        answer.record("The key is no longer published.", document(ring().retire(kid)))


def ring() -> KeyRing:
    """Open the ring that the settings name. Raises SettingsError or KeyRingError."""
    from authserver.services import open_key_ring

    return open_key_ring(settings())


def document(key: KeyDescription) -> dict[str, Any]:
    """Show a signing key."""
    return dataclasses.asdict(key)
