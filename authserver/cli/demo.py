"""`authserver demo`: an authority with example parties, ready to be asked for tokens, in a directory of its own."""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from authserver.cli.answer import Answer, answering
from authserver.cli.options import Json
from authserver.cli.serve import log_as_json, run
from authserver.settings import Settings

if TYPE_CHECKING:
    from authserver.cli.demonstration import Demonstration

_HOST = "127.0.0.1"


def demo(
    port: Annotated[int, typer.Option("--port", help="Where to listen; any free port when it is taken.")] = 8080,
    directory: Annotated[
        Path | None, typer.Option("--dir", help="An empty directory to keep it in; else a temporary one.")
    ] = None,
    client_keys: Annotated[
        Path | None, typer.Option("--client-keys", help="Directory with consumer.jwks.json and supplier.jwks.json.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run an authority with the real scope catalogue and three example parties until stopped. Not for production."""
    from authserver.cli.demonstration import prepare

    log_as_json()
    with answering(as_json=as_json) as answer, _directory(directory) as kept, _listen(port) as public:
        settings = Settings(
            issuer=f"http://localhost:{public.getsockname()[1]}/",
            database_url=f"sqlite:///{kept / 'authserver.db'}",
            keys_dir=kept / "keys",
            port=public.getsockname()[1],
        )
        _show(answer, asyncio.run(prepare(settings, kept, client_keys and client_keys.resolve())))
        run(settings, public, 0)


def _show(answer: Answer, shown: Demonstration) -> None:
    if answer.as_json:
        answer.document(shown.document())
    else:
        consumer, supplier = shown.consumer, shown.supplier
        print(f"An authority for demonstration runs at {shown.issuer} (stop it with Ctrl-C).")
        print(f"  {shown.scopes_imported} scopes imported, owned by {shown.owner[1]} ({shown.owner[0]}).")
        print(f"  {consumer.name} ({consumer.orgno}) may use {consumer.scope}: client {consumer.client_id}.")
        print(
            f"  {supplier.name} ({supplier.orgno}) may use {supplier.scope} on its behalf: client {supplier.client_id}."
        )
        print("To speak to it with other verbs:")
        for name, value in shown.environment.items():
            print(f"  export {name}={value}")
    print(end="", flush=True)


@contextmanager
def _directory(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="tillit-demo-") as made:
        yield Path(made)


def _listen(port: int) -> socket.socket:
    from authserver.node import bind

    try:
        return bind(_HOST, port)
    except OSError:
        return bind(_HOST, 0)
