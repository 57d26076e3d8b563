"""Whether a token that is proven good gives access to what is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from tillit.access_errors import InsufficientScope
from tillit.core.access_token import AccessToken, Organisation
from tillit.core.requirements import Requirement

ConsumerPredicate: TypeAlias = Callable[[Organisation], bool]


def check_access(
    token: AccessToken, require: Requirement | None = None, consumer: ConsumerPredicate | None = None
) -> None:
    """Whether a validated `token` gives access: its scopes meet `require` and its consumer satisfies `consumer`.

    Raises InsufficientScope.
    """
    if require is not None and not require.met_by(token.scopes):
        raise InsufficientScope("a required scope is missing", scopes=require.scopes)
    if consumer is not None and not consumer(token.consumer):
        raise InsufficientScope("the consumer is not admitted here")
