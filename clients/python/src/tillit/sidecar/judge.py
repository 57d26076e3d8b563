"""Whether a token is good, for programs that cannot tell themselves."""

from __future__ import annotations

from collections.abc import Sequence

from tillit.access_errors import InvalidToken
from tillit.core.access_token import AccessToken
from tillit.core.policy import NO_AUDIENCE, Policy
from tillit.core.requirements import AllOf
from tillit.errors import ConfigError
from tillit.jose.encoding import MalformedJose
from tillit.jose.unverified import unverified_audience
from tillit.jwks import JwksSource
from tillit.status_check import StatusCheck
from tillit.validator import TokenValidator


class Judge:
    """Validates tokens of one authority, by every spelling of its issuer, for an audience or for whomever they name.

    Where no `audience` is given, signature, issuer and times are vouched for, and whoever asks must look at `aud`.
    With `status` tokens are looked up in the status lists that they name.
    """

    def __init__(
        self,
        issuers: Sequence[str],
        keys: JwksSource,
        audience: str | None = None,
        *,
        status: StatusCheck | None = None,
    ) -> None:
        self._keys = dict.fromkeys(issuers, keys)
        self._status = status
        self._validator = self._for(audience) if audience is not None else None

    async def judge(self, token: str, scopes: Sequence[str] = (), audience: str | None = None) -> AccessToken:
        """The token, proven. `audience` is asked for instead of the judge's own. Raises AccessError."""
        required = AllOf(*scopes) if scopes else None
        return await self._choose(token, audience).avalidate(token, required)

    async def awarm(self) -> str:
        """Fetch the authority's keys unless they are known; why they are not, or nothing. Does not raise."""
        for keys in dict.fromkeys(self._keys.values()):
            if keys.status().keys == 0:
                await keys.awarm()
            if (status := keys.status()).keys == 0:
                return f"the authority's keys are not known: {status.last_error or 'not fetched yet'}"
        return ""

    def _choose(self, token: str, audience: str | None) -> TokenValidator:
        if audience is not None:
            return self._for(audience)
        if self._validator is not None:
            return self._validator
        try:
            return self._for(*unverified_audience(token))
        except (MalformedJose, ConfigError) as error:
            raise InvalidToken(str(error)) from None

    def _for(self, *audience: str) -> TokenValidator:
        return TokenValidator(
            Policy(self._keys, audience or NO_AUDIENCE), self._keys, cache_size=0, status=self._status
        )
