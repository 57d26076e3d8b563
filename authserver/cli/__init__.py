"""The operator at the keyboard: one file a noun, every rule elsewhere."""

from __future__ import annotations

import typer

from authserver.cli.access import verbs as access
from authserver.cli.backup import backup, restore, restored
from authserver.cli.changes import changes
from authserver.cli.client import verbs as client
from authserver.cli.delegation import verbs as delegation
from authserver.cli.demo import demo
from authserver.cli.doctor import doctor
from authserver.cli.gym import gym
from authserver.cli.init import init
from authserver.cli.keys import verbs as keys
from authserver.cli.nodes import nodes
from authserver.cli.organisation import verbs as organisation
from authserver.cli.package import verbs as package
from authserver.cli.prefix import verbs as prefix
from authserver.cli.request import verbs as request
from authserver.cli.scope import verbs as scope
from authserver.cli.serve import serve
from authserver.cli.settings import show as settings
from authserver.cli.source import verbs as source
from authserver.cli.webhook import verbs as webhook

app = typer.Typer(
    name="authserver",
    help="A self-hosted authority for machine-to-machine access between organisations.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("init")(init)
app.command("serve")(serve)
app.command("demo")(demo)
app.command("doctor")(doctor)
app.command("settings")(settings)
app.command("nodes")(nodes)
app.command("backup")(backup)
app.command("restore")(restore)
app.command("restored")(restored)
app.command("changes")(changes)
app.command("gym")(gym)
app.add_typer(organisation, name="org")
app.add_typer(prefix, name="prefix")
app.add_typer(scope, name="scope")
app.add_typer(access, name="access")
app.add_typer(request, name="request")
app.add_typer(client, name="client")
app.add_typer(delegation, name="delegation")
app.add_typer(package, name="package")
app.add_typer(source, name="source")
app.add_typer(webhook, name="webhook")
app.add_typer(keys, name="keys")


def main() -> None:
    """Run the command line and exit: 0 done, 1 refused with a sentence, 2 used wrongly."""
    app()
