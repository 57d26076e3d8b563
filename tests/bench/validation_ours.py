"""`tillit` as the bench uses it: no network, the keys known."""

from __future__ import annotations

import json

import httpx2

from tests.bench.validation_task import API, ISSUER, SCOPE, Task, Validate
from tillit import AllOf, JwksSource, Policy, TokenValidator


def tillit_validator(task: Task, *, cache_size: int) -> Validate:
    """A validator of `at+jwt` tokens whose keys have been fetched, here from memory."""
    keys = json.dumps({"keys": [task.jwk]}).encode()
    http = httpx2.Client(transport=httpx2.MockTransport(lambda _: httpx2.Response(200, content=keys)))
    source = JwksSource(f"{ISSUER}jwk", http=http)
    policy = Policy(ISSUER, API, algorithms=[task.alg], token_types=["at+jwt"])
    validator = TokenValidator(policy, source, cache_size=cache_size)
    validator.warm()
    wanted = AllOf(SCOPE)
    return lambda token: validator.validate(token, wanted)
