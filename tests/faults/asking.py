"""Asking once, and what a refusal for want of a part must look like."""

from __future__ import annotations

from tests.faults.site import Node, Site, until
from tests.support.http import Answer, broken_promises
from tests.support.registrar import RegisteredClient

UNAVAILABLE = (503, "temporarily_unavailable", "AS-503")
BUSY = (503, "temporarily_unavailable", "AS-502")


def closed(answer: Answer) -> bool:
    """Tell whether this is the one answer for want of a part: JSON, 503, and when to try again."""
    return answer.refusal == UNAVAILABLE and broken_promises(answer) == []


def turned_away(answer: Answer) -> bool:
    """Tell whether nobody had time for it: the same answer, from the door (AS-502) instead of from within."""
    return answer.refusal == BUSY and broken_promises(answer) == []


def settled(node: Node, form: dict[str, str]) -> Answer:
    """Send a form until the answer is no longer 503."""
    answers: list[Answer] = []

    def answered() -> bool:
        answers.append(node.post(form))
        return answers[-1].status != 503

    until(answered)
    return answers[-1]


def serves_again(site: Site, client: RegisteredClient) -> float:
    """Return, once both nodes issue tokens, after how many seconds they did."""
    return until(lambda: all(node.token(client).status == 200 for node in site.nodes))
