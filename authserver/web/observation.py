"""What the operator sees of every answered token request: one counter by outcome, and a log line for what failed."""

from __future__ import annotations

import structlog
from prometheus_client import CollectorRegistry, Counter

from authserver.oauth.errors import Reason

_ISSUED = "issued"


class Observation:
    """Counts outcomes; logs our own faults with their cause. Logs no assertion, token or key."""

    def __init__(self, metrics: CollectorRegistry) -> None:
        self._answers = Counter(
            "authserver_token_requests", "Answered token requests by outcome", ["outcome"], registry=metrics
        )
        self._issued = self._answers.labels(_ISSUED)
        self._log = structlog.get_logger("authserver.token")

    def __call__(self, trace_id: str, outcome: str, cause: BaseException | None) -> None:
        """Take note of one answer: `issued` or the dotted reason of its refusal."""
        if outcome == _ISSUED:
            self._issued.inc()
            return
        self._answers.labels(outcome).inc()
        if outcome == Reason.FAULT.dotted:
            self._log.error("fault", trace_id=trace_id, exc_info=cause)
        elif cause is not None:
            self._log.warning("unavailable", trace_id=trace_id, outcome=outcome, cause=str(cause))
        else:
            self._log.info("refused", trace_id=trace_id, outcome=outcome)
