"""Every operation of the admin API is asked what nobody thought of, and answers only what its description says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, openapi
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.hostile.admin_estates import Estate, Land, land
from tests.hostile.admin_routes import CALLS, DOCUMENT, Call, Ids, body_of

Asked = Case[Any]

# Each operation gets so many requests of each kind from each caller: the same ones in every run.
EACH: Final = 3
BOUNDED = settings(
    max_examples=EACH,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SCHEMA = openapi.from_dict(DOCUMENT)
OPERATIONS: Final = {str(call): SCHEMA[call.path][call.method] for call in CALLS}


@dataclass
class Asking:
    """What the requests to one operation are sent with."""

    sweep: Land
    session: requests.Session
    operator: Estate
    organisation: Estate

    def send(self, caller: Estate, case: Asked) -> None:
        """Send a request, and hold its answer to the document."""
        case.headers["authorization"] = f"Bearer {self.sweep.token(caller)}"
        answer = case.call(base_url=f"http://127.0.0.1:{self.sweep.authority.port}", session=self.session)
        case.validate_response(answer, checks=CHECKS)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Land]:
    """An authority that these requests alone go to; whatever they were, none found a fault."""
    with land(tmp_path_factory.mktemp("schema")) as made:
        yield made
        assert "Traceback" not in made.authority.log
        assert '"fault"' not in made.authority.log


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """Connections that are kept open between requests."""
    with requests.Session() as opened:
        yield opened


@pytest.fixture(scope="module")
def operator(sweep: Land) -> Estate:
    """The operator."""
    return sweep.estate("operator", org=sweep.authority.settings.operator)


@pytest.fixture(scope="module")
def organisation(sweep: Land) -> Estate:
    """An organisation for the requests that only read."""
    return sweep.estate()


@pytest.fixture
def asking(sweep: Land, session: requests.Session, operator: Estate, organisation: Estate, call: Call) -> Asking:
    """What a test asks with; an organisation of its own where its requests may change what it has."""
    return Asking(sweep, session, operator, organisation if call.method == "GET" else sweep.estate())


def given_to(data: st.DataObject, case: Asked, call: Call, ids: Ids) -> None:
    """Put existing ids, members of a body that works, and If-Match into some requests; others stay as they are."""
    names = [*call.names("path"), *call.names("query")]
    chosen = data.draw(st.sets(st.sampled_from(names))) if names else set()
    for place in (case.path_parameters, case.query):
        place.update({name: ids[name] for name in sorted(chosen & {*place} & {*ids})})
    known = body_of(call, ids)
    if isinstance(known, dict) and isinstance(case.body, dict):
        kept = data.draw(st.sets(st.sampled_from(sorted(known))))
        case.body = {**case.body, **{name: known[name] for name in sorted(kept)}}
    elif known is not None and data.draw(st.booleans()):
        case.body = known
    if "if-match" in call.names("header") and data.draw(st.booleans()):
        case.headers["if-match"] = "*"


def modes(call: Call) -> list[GenerationMode]:
    """Good input, and bad; no text in a path is bad by its form."""
    wrong = "requestBody" in call.operation or call.names("query") or call.names("header")
    return list(GenerationMode) if wrong else [GenerationMode.POSITIVE]


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_every_answer_is_as_described(asking: Asking, call: Call) -> None:
    """To good and bad input, of the operator and of an organisation: no 5xx, no status, type or body of its own."""
    for mode in modes(call):

        @BOUNDED
        @given(case=OPERATIONS[str(call)].as_strategy(mode), data=st.data())
        def ask(case: Asked, data: st.DataObject) -> None:
            given_to(data, case, call, asking.organisation.ids)
            for caller in (asking.organisation, asking.operator):
                asking.send(caller, case)

        ask()
