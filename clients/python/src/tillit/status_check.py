"""Whether an access token was revoked since it was issued, by the status list that its claim `status` names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tillit.access_errors import InvalidToken, StatusListUnavailable
from tillit.core.access_token import AccessToken
from tillit.core.status_list import Status, StatusReference
from tillit.errors import ConfigError
from tillit.jose.encoding import MalformedJose
from tillit.status_lists import StatusLists, StatusUnavailable


@dataclass(frozen=True, slots=True)
class StatusCheck:
    """What an API makes of the claim `status` (draft-ietf-oauth-status-list-17). Raises ConfigError.

    `lists` are the authority's, or those of each issuer. With `must-check` a token without the claim is refused, with
    `if-present` it is good without, and with `ignore` nothing is looked up. A status that cannot be had is an answer of
    503: how long an old list may stand in for one is the `max_stale` of the lists.
    """

    lists: StatusLists | Mapping[str, StatusLists]
    mode: Literal["must-check", "if-present", "ignore"] = "if-present"

    def __post_init__(self) -> None:
        if self.mode not in ("must-check", "if-present", "ignore"):
            raise ConfigError("the mode must be must-check, if-present or ignore")

    def check(self, token: AccessToken) -> None:
        """Whether `token` is still good; may wait for a list. Raises InvalidToken or StatusListUnavailable."""
        reference = self._reference(token)
        if reference is None:
            return
        try:
            _judge(self._lists(token).status(reference))
        except StatusUnavailable as error:
            raise StatusListUnavailable(str(error)) from None

    async def acheck(self, token: AccessToken) -> None:
        """The same, awaited."""
        reference = self._reference(token)
        if reference is None:
            return
        try:
            _judge(await self._lists(token).astatus(reference))
        except StatusUnavailable as error:
            raise StatusListUnavailable(str(error)) from None

    def _reference(self, token: AccessToken) -> StatusReference | None:
        if self.mode == "ignore":
            return None
        if "status" not in token.claims:
            if self.mode == "must-check":
                raise InvalidToken("the token names no status list")
            return None
        try:
            return StatusReference.parse(token.claims)
        except MalformedJose as error:
            raise InvalidToken(str(error)) from None

    def _lists(self, token: AccessToken) -> StatusLists:
        lists = self.lists if isinstance(self.lists, StatusLists) else self.lists.get(token.issuer)
        if lists is None:
            raise InvalidToken("the status of this issuer's tokens cannot be checked here")
        return lists


def _judge(status: Status) -> None:
    if status is not Status.VALID:
        raise InvalidToken(f"the token's status is {status.name.lower()}")
