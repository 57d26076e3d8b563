"""Single use of assertions as values: what is spent, and what came of it (RFC 7523 §3, item 7)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spending:
    """One assertion to be used up: who issued it, its id, and until when (seconds) it must be remembered."""

    issuer: str
    assertion_id: str
    remember_until: int


@dataclass(frozen=True, slots=True)
class Spent:
    """The answer: whether this was the first use, and the policy epoch read in the same round trip."""

    first_use: bool
    epoch: int
