"""The record of a decision as a value."""

from authserver.oauth.decision import Decision
from authserver.oauth.single_use import Spending
from tests.support.build import CLIENT_ID, CONSUMER, NOW


def make(outcome: str) -> Decision:
    return Decision(
        trace_id="0" * 32,
        at=NOW,
        epoch=1,
        node="node-1",
        outcome="issued" if outcome == "issued" else "refused",
        client_id=CLIENT_ID,
        client_orgno=CONSUMER,
        assertion_id="jti-1",
        remember_until=NOW + 100,
    )


def test_a_token_on_record_has_used_up_its_assertion() -> None:
    """P1: a decision to issue names what it spent, in the very words of single use."""
    assert make("issued").spends == Spending(CLIENT_ID, "jti-1", NOW + 100)


def test_a_refusal_on_record_uses_up_nothing() -> None:
    """A refused request leaves the assertion to whoever may still use it."""
    assert make("refused").spends is None
