"""Access tokens validated a second: `tillit` beside the libraries that an API would use otherwise."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from secrets import token_urlsafe
from typing import Any

from tests.bench import validation_peers
from tests.bench.assertions import Key, make_key, signer
from tests.bench.stopwatch import Cost, race, repeated
from tests.bench.validation_ours import tillit_validator
from tests.bench.validation_task import API, ISSUER, SCOPE, Task, Validate

_TOKENS = 256
_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Validation:
    """Costs by contestant for one algorithm; `absent` says in a sentence who could not take part."""

    alg: str
    costs: dict[str, Cost]
    absent: dict[str, str]


def measure(alg: str, seconds: float, runs: int) -> Validation:
    """Measure every validator with tokens signed by `alg`. Raises RuntimeError if one does not judge as it should."""
    task = make_task(alg)
    contestants = {name: repeated(_cycling(validate, task)) for name, validate in validators(task).items()}
    contestants |= {"signature alone": repeated(validation_peers.signature_alone(task))}
    costs = race(contestants, seconds, runs)
    absent: dict[str, str] = {}
    try:
        costs["jose (Node.js)"] = _node(task, seconds, runs)
    except FileNotFoundError as reason:
        absent["jose (Node.js)"] = str(reason)
    return Validation(alg, costs, absent)


def validators(task: Task) -> dict[str, Validate]:
    """Every validator in Python, each seen to accept what is right and to refuse what is wrong."""
    found = {
        "tillit, token seen before": tillit_validator(task, cache_size=2 * _TOKENS),
        "tillit": tillit_validator(task, cache_size=0),
        "PyJWT": validation_peers.pyjwt(task),
        "joserfc": validation_peers.joserfc(task),
        "Authlib": validation_peers.authlib(task),
    }
    for name, validate in found.items():
        _prove(name, validate, task)
    return found


def _prove(name: str, validate: Validate, task: Task) -> None:
    for token in task.good:
        validate(token)
    for wrong, token in task.wrong.items():
        try:
            validate(token)
        except Exception:  # noqa: BLE001, S112 - each library refuses with an error of its own
            continue
        raise RuntimeError(f"{name} accepts a token that is wrong: {wrong}")


def _cycling(validate: Validate, task: Task) -> Callable[[], object]:
    tokens = itertools.cycle(task.good)
    return lambda: validate(next(tokens))


def make_task(alg: str) -> Task:
    """A key, good tokens that differ, and one token for each thing that can be wrong."""
    key, stranger = (_Minter(make_key(alg, "as-1")) for _ in range(2))
    other_alg = {"RS256": "PS256", "ES256": "ES384"}[alg]
    good = tuple(key.mint() for _ in range(_TOKENS))
    wrong = {
        "signed by another key": stranger.mint(),
        "of another key id": key.mint({"kid": "as-2"}),
        "of another algorithm": key.mint({"alg": other_alg}),
        "of another type": key.mint({"typ": "JWT"}),
        "of another issuer": key.mint(iss="https://other.example.no/"),
        "for another audience": key.mint(aud="https://other.example.no/"),
        "expired": key.mint(exp=int(time.time()) - _HOUR),
        "without expiry": key.mint(exp=None),
        "without the scope": key.mint(scope="example:other"),
    }
    return Task(alg, key.public, good, wrong)


class _Minter:
    """Mints access tokens of the standard profile with one key."""

    def __init__(self, key: Key) -> None:
        self.public = key.public
        self._header = {"alg": key.alg, "kid": key.kid, "typ": "at+jwt"}
        self._sign = signer(key)

    def mint(self, header: Mapping[str, Any] | None = None, **changes: Any) -> str:
        """A good token, changed; a claim of None is left out."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": API,
            "sub": "0192:991825827",
            "client_id": "5b0d8a3c-0a5b-4c9e-8f0d-6c2f4be6d4f7",
            "client_amr": "private_key_jwt",
            "consumer": {"authority": "iso6523-actorid-upis", "ID": "0192:991825827"},
            "scope": f"{SCOPE} example:write",
            "iat": now,
            "exp": now + _HOUR,
            "jti": token_urlsafe(16),
        }
        given = {name: value for name, value in (claims | changes).items() if value is not None}
        parts = (self._header | dict(header or {}), given)
        signing_input = b".".join(validation_peers.segment(json.dumps(part, separators=(",", ":"))) for part in parts)
        signature = validation_peers.base64url(self._sign(signing_input))
        return f"{signing_input.decode()}.{signature.decode()}"


def _node(task: Task, seconds: float, runs: int) -> Cost:
    """The cost with npm `jose` in a process of its own. Raises FileNotFoundError when that cannot be, RuntimeError."""
    node = shutil.which("node")
    if node is None:
        raise FileNotFoundError("node is absent")
    script = validation_peers.node_script()
    order = asdict(task) | {"issuer": ISSUER, "audience": API, "scope": SCOPE, "seconds": seconds, "runs": runs}
    done = subprocess.run([node, script], input=json.dumps(order), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"jose: {done.stderr.strip()[-500:]}")
    return Cost(tuple(json.loads(done.stdout)))
