"""Test an API and its clients with no network: a light authority, its troubles, tokens right and wrong, a clock.

pytest finds the fixtures by itself (docs/how-to/test-without-a-network.md); everything here works without pytest too.
"""

from tillit.testing.authority import Authority
from tillit.testing.clock import ManualClock
from tillit.testing.forms import Request
from tillit.testing.interface import AnyAuthority, RegisteredClient
from tillit.testing.keys import KeyPair, SigningKeys, make_key
from tillit.testing.refusals import Answer
from tillit.testing.scenarios import Dropped
from tillit.testing.tokens import TokenFactory
from tillit.testing.wrong import WrongToken

__all__ = [
    "Answer",
    "AnyAuthority",
    "Authority",
    "Dropped",
    "KeyPair",
    "ManualClock",
    "RegisteredClient",
    "Request",
    "SigningKeys",
    "TokenFactory",
    "WrongToken",
    "make_key",
]
