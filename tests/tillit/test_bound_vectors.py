"""The shared vectors of proof of possession and of status lists."""

from __future__ import annotations

import json
from typing import Any

import httpx2

from tests.tillit import vectors
from tests.tillit.stub import ManualClock
from tillit import AccessError, DpopVerifier, JwksSource, Policy, Presented, StatusCheck, StatusLists, TokenValidator
from tillit.certificates import read_certificate


def load(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(vectors.FILE.with_name(name).read_text(encoding="utf-8"))
    return document


DPOP, CERTIFICATES, STATUS = map(load, ("dpop-proofs.json", "certificate-binding.json", "status-lists.json"))


def source(document: dict[str, Any], clock: ManualClock) -> JwksSource:
    http = httpx2.Client(transport=httpx2.MockTransport(lambda _: httpx2.Response(200, json=document["jwks"])))
    return JwksSource("https://authority.example.no/jwk", http=http, clock=clock)


def judge(validator: TokenValidator, presented: Presented) -> str:
    try:
        validator.validate_request(presented)
    except AccessError as error:
        return error.code
    return "ok"


def verdict_on_proof(case: dict[str, Any]) -> str:
    clock = ManualClock(case["now"])
    verifier = DpopVerifier(
        DPOP["base_urls"], algorithms=DPOP["algorithms"], max_age=DPOP["max_age"], leeway=DPOP["leeway"]
    )
    policy = Policy(DPOP["issuer"], DPOP["audience"])
    validator = TokenValidator(policy, source(DPOP, clock), clock=clock, dpop=verifier)
    for proof in case["used"]:
        assert judge(validator, Presented("DPoP", case["token"], case["method"], case["url"], (proof,))) == "ok"
    shown = Presented(case["scheme"], case["token"], case["method"], case["url"], tuple(case["dpop"]))
    return judge(validator, shown)


def verdict_on_status(case: dict[str, Any]) -> str:
    clock = ManualClock(case["now"])

    def answer(request: httpx2.Request) -> httpx2.Response:
        found = case["list"] if str(request.url) == STATUS["uri"] else None
        return httpx2.Response(404) if found is None else httpx2.Response(200, text=found)

    keys, http = source(STATUS, clock), httpx2.Client(transport=httpx2.MockTransport(answer))
    check = StatusCheck(StatusLists(STATUS["issuer"], keys, http=http, clock=clock), case["mode"])
    validator = TokenValidator(Policy(STATUS["issuer"], STATUS["audience"]), keys, clock=clock, status=check)
    return judge(validator, Presented("Bearer", case["token"]))


def test_every_proof_gets_its_verdict() -> None:
    """Each request is judged as its vector says; there are at least sixty of them with a proof."""
    assert {case["name"]: verdict_on_proof(case) for case in DPOP["cases"]} == {
        case["name"]: case["verdict"] for case in DPOP["cases"]
    }
    assert sum(bool(case["dpop"]) for case in DPOP["cases"]) >= 60


def test_every_certificate_gets_its_verdict() -> None:
    """A token that is bound to a certificate is good with this certificate and no other."""
    judged = {}
    for case in CERTIFICATES["cases"]:
        clock = ManualClock(case["now"])
        policy = Policy(CERTIFICATES["issuer"], CERTIFICATES["audience"])
        validator = TokenValidator(policy, source(CERTIFICATES, clock), clock=clock)
        certificate = None if case["certificate"] is None else read_certificate(case["certificate"])
        judged[case["name"]] = judge(validator, Presented("Bearer", case["token"], client_certificate=certificate))
    assert judged == {case["name"]: case["verdict"] for case in CERTIFICATES["cases"]}


def test_every_status_gets_its_verdict() -> None:
    """Each token is judged by its entry of its list, under each mode."""
    assert {case["name"]: verdict_on_status(case) for case in STATUS["cases"]} == {
        case["name"]: case["verdict"] for case in STATUS["cases"]
    }


def test_files_are_what_the_generator_makes() -> None:
    """No file was edited by hand, and no case's name occurs twice in one."""
    for name, made in vectors.documents().items():
        document = load(name)
        assert made == document
        names = [case["name"] for case in document["cases"]]
        assert len(set(names)) == len(names)
