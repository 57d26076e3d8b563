"""What is told in order of time: changes of the registry, what of them was not taken, and keys that will soon stop."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoggedChange:
    """One row of the change log: what became of which record, by whom, when (seconds) and why.

    `before` and `after` are the record's members as canonical JSON, `before` None for a new record. `other` is the
    second part of the record's reference.
    """

    seq: int
    epoch: int
    kind: str
    id: str
    other: str
    action: str
    actor_kind: str
    actor_orgno: str
    actor_client_id: str
    actor_person: str
    at: int
    reason: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class ExpiringKey:
    """A usable key that will soon be none."""

    expires_at: int
    client_id: str
    kid: str
    orgno: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A change, by its number, that a webhook was not told of, why, and when it was given up (seconds).

    `at` is 0 while it waits to be sent again.
    """

    seq: int
    at: int
    fault: str
