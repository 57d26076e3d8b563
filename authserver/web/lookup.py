"""The look-up of delegations by other authorities, in the shape of Altinn's: its paths, members and error bodies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import NAMESPACE_URL, UUID, uuid5

import structlog
from starlette.datastructures import Headers
from starlette.responses import JSONResponse

from authserver.grants.ports import Clock, Registry
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Delegation
from authserver.registry.administration import Administration, Caller
from authserver.registry.lookup import Held, MalformedLookupError, look_up, question
from authserver.web.admin.bearer import InvalidTokenError, Tokens
from authserver.web.admin.faults import Fault, ScopeNeededError, fault_of, rendered
from authserver.web.asgi import Receive, Scope, Send
from authserver.web.trace import TraceIds

PATHS: Final = tuple(
    f"{path}{end}"
    for path in (
        "/maskinporten/api/v1/delegations",
        "/accessmanagement/api/v1/maskinporten/delegations",
        "/accessmanagement/api/v1/admin/delegations/maskinportenschema",
    )
    for end in ("", "/")
)
_NO_STORE: Final = {"cache-control": "no-store"}
_PROBLEM: Final = "application/problem+json"


@dataclass(frozen=True, slots=True)
class LookupEndpoint:
    """`GET …/delegations?scope=…&consumerOrg=…&supplierOrg=…`; a parameter without value counts as absent.

    `administration` knows who may ask, `tokens` whom a token speaks for.
    """

    issuer: str
    administration: Administration
    tokens: Tokens
    registry: Registry
    held: Held
    clock: Clock
    trace_ids: TraceIds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request over ASGI."""
        if scope["method"] not in ("GET", "HEAD"):
            sentence = "There is nothing at this path for this method."
            fault = Fault(405, "method_not_allowed", sentence, "AS-406", headers=(("allow", "GET, HEAD"),))
            answer = rendered(fault, self.trace_ids(), compatible=False)
        else:
            answer = await self._answer(scope)
        await answer(scope, receive, send)

    async def _answer(self, scope: Scope) -> JSONResponse:
        trace_id = self.trace_ids()
        given = parse_qsl(scope["query_string"].decode("latin-1"))
        asked = dict(given)
        try:
            caller = await self._admitted(Headers(scope=scope).get("authorization", ""))
            _require_once(given)
            return await self._delegations(caller, asked)
        except MalformedLookupError as malformed:
            return _malformed(malformed, trace_id)
        except Exception as raised:  # noqa: BLE001 - whatever it is, it is answered as a fault is
            if isinstance(raised, Refusal) and raised.reason is Reason.NOT_ALLOWED:
                return _problem(
                    403, f"Not authorized for lookup of delegations for the scope: {asked.get('scope')}", trace_id
                )
            fault = fault_of(raised)
            if fault.status >= 500:
                structlog.get_logger("authserver").error("fault", trace_id=trace_id, exc_info=raised)
            return rendered(fault, trace_id, compatible=False)

    async def _admitted(self, authorization: str) -> Caller:
        """Verify the token, and let in whom the registry lets as it is now.

        Raises InvalidTokenError, ScopeNeededError, Unavailable.
        """
        presented = self.tokens.verify(authorization, self.clock())
        # What was revoked before this request came must count, so the snapshot goes to the newest epoch first.
        await self.registry.follow(await self.registry.latest())
        facts = await self.registry.facts(self.administration.facts_about(presented))
        caller = self.administration.admit(presented, facts)
        if caller is None:
            raise InvalidTokenError("The client or its organisation is deactivated")
        if not caller.subscopes:
            raise ScopeNeededError(*(f"{self.administration.prefix}:{one}" for one in self.administration.subscopes))
        return caller

    async def _delegations(self, caller: Caller, asked: dict[str, str]) -> JSONResponse:
        wanted = question(asked.get("scope", ""), asked.get("consumerOrg", ""), asked.get("supplierOrg", ""))
        found = await look_up(self.held, self.registry.facts, caller, self.clock(), asked=wanted, issuer=self.issuer)
        return JSONResponse([self._row(one, wanted.scope) for one in _in_order(found)], headers=_NO_STORE)

    def _row(self, found: Delegation, scope: str) -> dict[str, Any]:
        return {
            "consumer_org": found.consumer_orgno,
            "supplier_org": found.supplier_orgno,
            "delegation_scheme_Id": self._uuid(found.id),
            "scopes": sorted(found.scopes),
            "created": datetime.fromtimestamp(found.valid_from, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "resourceid": found.package or scope,
        }

    def _uuid(self, delegation_id: str) -> str:
        """Readers expect a UUID; an id of another form gets one that is always the same."""
        try:
            return str(UUID(delegation_id))
        except ValueError:
            return str(uuid5(NAMESPACE_URL, f"{self.issuer}api/v1/delegations/{delegation_id}"))


def _require_once(given: Sequence[tuple[str, str]]) -> None:
    """Raises MalformedLookupError: of two values, two readers could take two."""
    names = [name for name, _ in given]
    twice = {name: "The field is given more than once." for name in names if names.count(name) > 1}
    if twice:
        raise MalformedLookupError(twice)


def _in_order(found: Sequence[Delegation]) -> Sequence[Delegation]:
    return sorted(found, key=lambda one: (one.consumer_orgno, one.supplier_orgno, one.id))


def _malformed(fault: MalformedLookupError, trace_id: str) -> JSONResponse:
    """RFC 7807 with the parameters at fault, each with its sentences."""
    errors = {name: [sentence] for name, sentence in fault.faults.items()}
    return _problem(400, "One or more validation errors occurred.", trace_id, errors=errors)


def _problem(status: int, title: str, trace_id: str, **members: Any) -> JSONResponse:
    body = {"type": "about:blank", "title": title, "status": status, "traceId": trace_id, **members}
    return JSONResponse(body, status, _NO_STORE, media_type=_PROBLEM)
