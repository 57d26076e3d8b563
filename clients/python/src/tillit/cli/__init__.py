"""The command `tillit`: tokens, keys and diagnosis at the command line, with the extra `cli`."""

from __future__ import annotations

import sys

try:
    import typer
except ImportError:
    sys.stderr.write("The command tillit needs the extra `cli`: install tillit[cli]\n")
    raise SystemExit(2) from None

from stamina.instrumentation import set_on_retry_hooks

from tillit.cli import config, doctor, gym, inspection, keygen, sidecar, token

app = typer.Typer(
    name="tillit",
    help="Get, inspect and check access tokens of a Tillit or Maskinporten authority.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("token")(token.token)
app.command("doctor")(doctor.doctor)
app.command("keygen")(keygen.keygen)
app.command("inspect")(inspection.inspect)
app.command("gym")(gym.gym)
app.command("sidecar")(sidecar.sidecar)
app.command("config")(config.config)


def main() -> None:
    """Run the command that the arguments name."""
    # Left to itself stamina tells of retries where structlog writes: on standard output, among tokens.
    set_on_retry_hooks(())
    app()
