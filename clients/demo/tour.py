"""A tour of the main job: an agency gets a token and calls an API, a supplier does so on its behalf, and both end.

Run with `make demo`; with `--once` it ends after the tour, else the authority stays up until Ctrl-C.
"""

from __future__ import annotations

import base64
import json
import logging
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
from processes import api, authority, operate
from rich.console import Console
from rich.json import JSON
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule

from tillit import ClientConfig, Rejected, Token, TokenClient, TokenRequest
from tillit.signers import from_jwk


class Tour:
    """One walk through a running authority and API, told on a console."""

    def __init__(self, console: Console, told: dict[str, Any], api_address: str) -> None:
        self._console = console
        self._told = told
        self._api = api_address
        self._step = 0
        self._consumer = self._backend(told["consumer"])
        self._supplier = self._backend(told["supplier"])

    def walk(self) -> None:
        """Go through every station in order."""
        self._introduce()
        self._consumer_calls()
        self._supplier_calls()
        self._refusals()
        self._rotation()
        self._revocation()

    def _introduce(self) -> None:
        told = self._told
        self._title("An authority, from nothing")
        self._say(
            f"It runs on SQLite at {told['issuer']}. The public scope catalogue was imported: "
            f"{told['scopes_imported']} scopes of {told['owner'][1]}, organisation {told['owner'][0]}."
        )
        for party in (told["consumer"], told["supplier"]):
            self._say(
                f"{party['name']}, organisation {party['orgno']}, registered a client and a key for {party['scope']}."
            )
        self._say(f"{told['consumer']['name']} has access, and delegated its right to {told['supplier']['name']}.")
        self._say(f"An API, guarded by three lines of tillit, runs at {self._api}.")

    def _consumer_calls(self) -> None:
        party = self._told["consumer"]
        self._title(f"{party['name']} gets a token and calls the API")
        token = self._consumer.get(party["scope"])
        self._say("Its backend signed an assertion with RS256 and got this access token, which it now caches:")
        self._decoded(token)
        self._call("/instances", token)

    def _supplier_calls(self) -> None:
        party, consumer = self._told["supplier"], self._told["consumer"]
        self._title(f"{party['name']} calls the API on behalf of {consumer['name']}")
        token = self._supplier.get(self._delegated())
        self._say("The token names both: whose right it is (consumer) and who uses it (supplier).")
        self._decoded(token)
        self._call("/delegationrequests", token)

    def _refusals(self) -> None:
        self._title("What is not allowed is refused, and the refusal says why")
        self._say(f"{self._told['supplier']['name']} asks in its own name, and has no access of its own:")
        self._refused(self._supplier, TokenRequest((self._told["supplier"]["scope"],)))
        self._say(f"{self._told['consumer']['name']} asks for a scope that its client was never given:")
        self._refused(self._consumer, TokenRequest(("altinn:serviceowner/instances.write",)))
        self._say("The API gets a token that was issued for another of its routes:")
        self._call("/delegationrequests", self._consumer.get(self._told["consumer"]["scope"]), expected=403)

    def _rotation(self) -> None:
        self._title("The authority changes its signing key while everything runs")
        before = self._supplier.get(self._delegated(), force=True)
        new = self._operate("keys", "rotate", "--alg", "ES256", "--activate-in", "0")
        time.sleep(1.1)  # a running authority looks at its keys once a second
        after = self._supplier.get(self._delegated(), force=True)
        self._say(f"Tokens were signed by {_header(before)['kid']}, now by {_header(after)['kid']}.")
        self._say(
            f"That is the new key, {'as' if _header(after)['kid'] == new['kid'] else 'NOT as'} the operator was told."
        )
        self._say("The API fetches the key set again when it meets the new key; the old token stays good:")
        self._call("/delegationrequests", after)
        self._call("/delegationrequests", before)

    def _revocation(self) -> None:
        consumer, supplier = self._told["consumer"], self._told["supplier"]
        self._title(f"{consumer['name']} ends the delegation, and it ends at once")
        self._operate("delegation", "revoke", self._told["delegation_id"])
        revoked = time.monotonic()
        self._say(f"{supplier['name']} asks for its next token:")
        self._refused(self._supplier, self._delegated())
        self._say(f"That answer came {time.monotonic() - revoked:.2f} seconds after the revocation was confirmed.")

    def _delegated(self) -> TokenRequest:
        return TokenRequest((self._told["supplier"]["scope"],), consumer_org=self._told["consumer"]["orgno"])

    def _backend(self, party: dict[str, Any]) -> TokenClient:
        """What an agency's backend does once: its key, its client id, and the authority's issuer."""
        private = json.loads(Path(party["jwks_file"]).read_text("utf-8"))["keys"][0]
        config = ClientConfig(self._told["issuer"], party["client_id"], from_jwk(private))
        return TokenClient(config)

    def _operate(self, *verb: str) -> Any:
        self._console.print(Padding(f"$ authserver {' '.join(verb)}", (0, 2)), style="bold", soft_wrap=True)
        return operate(self._told["environment"], *verb)

    def _refused(self, backend: TokenClient, request: TokenRequest) -> None:
        try:
            backend.get(request, force=True)
        except Rejected as refusal:
            self._say(f"Refused, {refusal.status} {refusal.code}: {refusal.description}", style="yellow")
            self._say(f"{refusal.hint} (trace id {refusal.trace_id})", style="yellow")
        else:
            raise SystemExit("The authority issued a token that it should have refused.")

    def _call(self, path: str, token: Token, expected: int = 200) -> None:
        answer = httpx2.get(f"{self._api}{path}", headers={"Authorization": token.authorization})
        self._say(
            f"GET {path} answers {answer.status_code}: {answer.text}", style="green" if answer.is_success else "yellow"
        )
        if answer.status_code != expected:
            raise SystemExit(f"The API should have answered {expected}.")

    def _decoded(self, token: Token) -> None:
        self._console.print(Padding(JSON.from_data(_segment(token.value, 1)), (0, 4)))

    def _title(self, text: str) -> None:
        self._step += 1
        self._console.print()
        self._console.print(Rule(f"{self._step}. {text}", align="left"))

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(Padding(text, (0, 2)), style=style, soft_wrap=False)


def main() -> None:
    """Run the tour; leave the authority up unless told `--once`."""
    # The tour tells of refusals itself, in its own words.
    logging.getLogger("tillit").setLevel(logging.CRITICAL)
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False, markup=False)
    with authority() as told, api(told["issuer"]) as address:
        Tour(console, told, address).walk()
        console.print()
        if "--once" in sys.argv[1:]:
            console.print("The tour is over; everything is stopped and its data removed.")
            return
        variables = "\n".join(f"export {name}={value}" for name, value in told["environment"].items())
        console.print(
            Panel(
                f"The authority stays up at {told['issuer']}, the API at {address}.\n"
                f"To use authserver with it:\n{variables}\nCtrl-C ends both.",
                expand=False,
            )
        )
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


def _header(token: Token) -> dict[str, Any]:
    return _segment(token.value, 0)


def _segment(compact: str, number: int) -> dict[str, Any]:
    """Read one part of a token to show it; nothing is decided by it."""
    segment = compact.split(".")[number]
    part: dict[str, Any] = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    return part


if __name__ == "__main__":
    main()
