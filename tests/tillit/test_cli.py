"""The command `tillit`, as people and scripts use it, against a light authority on loopback."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest
from typer.testing import CliRunner

from tests.support.authority import free_ports
from tillit.cli import app
from tillit.signers import from_text
from tillit.testing import Authority

CONSUMER = "991825827"
API = "https://api.example.no/"
NAMES = ("CLIENT_ID", "CLIENT_JWK", "PRIVATE_KEY", "PRIVATE_KEY_PATH", "KID", "ISSUER", "SCOPES", "WELL_KNOWN_URL")


@dataclass(frozen=True)
class Place:
    """A light authority that is served, and the environment of a client that is granted `x:read` there."""

    authority: Authority
    settings: Mapping[str, str] = field(repr=False)

    def run(self, *arguments: str, stdin: str = "", **changes: str) -> Any:
        """Run the command with the client's settings, some of them changed."""
        cleared: dict[str, str | None] = {f"{prefix}_{n}": None for prefix in ("TILLIT", "MASKINPORTEN") for n in NAMES}
        changed = {f"TILLIT_{name}": value for name, value in changes.items()}
        return CliRunner().invoke(app, arguments, input=stdin, env={**cleared, **self.settings, **changed})


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A place of its own."""
    authority = Authority()
    scope = authority.add_scope("x:read", audience=API, delegable=True)
    client = authority.add_client(scope, org="889640782")
    authority.grant(scope, client.org)
    authority.grant(scope, authority.add_organisation(CONSUMER))
    authority.delegate(CONSUMER, client.org, scope)
    with authority.serve():
        yield Place(authority, client.environ())


def claims(token: str) -> dict[str, Any]:
    """What a token says."""
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def test_a_token_is_all_that_goes_to_stdout(place: Place) -> None:
    """A script gets the token and a newline, or one header line, and nothing else."""
    plain, header = place.run("token"), place.run("token", "--scope", "x:read", "--header")
    assert claims(plain.stdout.strip())["scope"] == "x:read"
    assert header.stdout.startswith("Authorization: Bearer ey")
    assert (plain.stdout.count("\n"), header.stdout.count("\n"), plain.stderr) == (1, 1, "")


def test_a_token_is_asked_for_on_behalf_and_for_an_api(place: Place) -> None:
    """Consumer and resource reach the authority; JSON tells what is left of the token's life."""
    answer = json.loads(place.run("token", "--consumer-org", CONSUMER, "--resource", API, "--json").stdout)
    said = claims(answer["access_token"])
    assert (said["consumer"]["ID"], said["supplier"]["ID"]) == (f"0192:{CONSUMER}", "0192:889640782")
    assert 0 < answer["expires_in"] <= said["exp"] - said["iat"]


def test_a_token_that_is_bound_to_a_key_is_not_printed(place: Place) -> None:
    """The key would end with the command."""
    answer = place.run("token", DPOP="true")
    assert answer.exit_code != 0
    assert (answer.stdout, "bound to a key" in answer.stderr) == ("", True)


def test_a_refusal_says_why_and_what_to_do(place: Place) -> None:
    """Status 1, the code, the trace id and the hint on stderr; in JSON each by name; no token anywhere."""
    people, script = place.run("token", "--scope", "x:other"), place.run("token", "--scope", "x:other", "--json")
    assert (people.exit_code, people.stdout) == (1, "")
    assert "MP-200" in people.stderr
    told = json.loads(script.stdout)
    assert (told["error"], told["code"], len(told["trace_id"])) == ("Rejected", "MP-200", 32)
    assert told["hint"]


def test_a_setting_that_is_missing_is_named(place: Place) -> None:
    """Status 2, and the name of the variable."""
    answer = place.run("token", PRIVATE_KEY="")
    assert answer.exit_code == 2
    assert "TILLIT_CLIENT_JWK" in answer.stderr


@pytest.mark.parametrize("alg", ["ES256", "RS256", "Ed25519"])
@pytest.mark.parametrize("form", ["jwk", "pem"])
def test_a_new_key_is_private_and_signs(place: Place, tmp_path: Path, alg: str, form: str) -> None:
    """The file is its owner's alone and makes a signer, and the half that is printed holds nothing private."""
    file = tmp_path / "key"
    answer = place.run("keygen", str(file), "--alg", alg, *(["--pem"] if form == "pem" else []))
    public = json.loads(answer.stdout)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert public.keys().isdisjoint({"d", "p", "q", "dp", "dq", "qi", "k"})
    signer = from_text(str(file), kid=public["kid"])
    assert (signer.alg, signer.header()) == (alg, {"kid": public["kid"]})
    key, signature = jwt.PyJWK(public | ({"alg": "EdDSA"} if alg == "Ed25519" else {})), signer.sign(b"it")
    assert isinstance(signature, bytes)
    assert key.Algorithm.verify(b"it", key.key, signature)


def test_a_key_is_never_written_over(place: Place, tmp_path: Path) -> None:
    """The second time the file stays as it is, and the command fails."""
    file = tmp_path / "key"
    place.run("keygen", str(file))
    before = file.read_text()
    answer = place.run("keygen", str(file))
    assert (answer.exit_code, file.read_text()) == (2, before)


def test_inspection_proves_nothing_unless_asked(place: Place) -> None:
    """A token is shown as unverified, as valid after verification, and as invalid if it was changed."""
    token = place.run("token").stdout.strip()
    shown = json.loads(place.run("inspect", "--json", stdin=f"Bearer {token}\n").stdout)
    assert (shown["verdict"], shown["claims"]["scope"]) == ("UNVERIFIED", "x:read")
    issuer = place.authority.issuer
    good = place.run("inspect", token, "--verify", issuer, "--audience", API)
    assert (good.exit_code, good.stderr.splitlines()[0]) == (0, "VALID")
    changed = f"{token.rpartition('.')[0]}.{'A' * 86}"
    for arguments in ([changed], [token, "--audience", "https://other.example/"]):
        bad = place.run("inspect", *arguments, "--verify", issuer)
        assert (bad.exit_code, bad.stderr[:7]) == (1, "INVALID")


def test_inspection_hides_who_a_person_is(place: Place) -> None:
    """The national identity number is shown on demand only."""
    token = place.authority.token_factory()("x:read", pid="17912099997")
    assert "17912099997" not in place.run("inspect", token).output
    assert "17912099997" in place.run("inspect", token, "--show-pid").output


@pytest.mark.parametrize("text", ["", "a.b", "e30.e30", "\x1b[31m.e30.e30", "e30.W10.e30"])
def test_what_is_no_token_is_said_to_be_none(place: Place, text: str) -> None:
    """Rubbish gets a sentence and status 2."""
    answer = place.run("inspect", stdin=text)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert "no signed token" in answer.stderr


def found(place: Place, **changes: str) -> list[dict[str, Any]]:
    """What the doctor finds."""
    answer = place.run("doctor", "--json", **changes)
    document = json.loads(answer.stdout)
    assert document["good"] is (answer.exit_code == 0)
    return list(document["findings"])


def test_the_doctor_finds_nothing_wrong_with_the_healthy(place: Place) -> None:
    """Five steps, all good, and a sentence for people."""
    assert [(one["step"], one["good"]) for one in found(place)] == [
        ("settings", True),
        ("metadata", True),
        ("clock", True),
        ("token", True),
        ("validation", True),
    ]
    assert "Everything a token needs is there." in place.run("doctor").stdout


def test_the_doctor_stops_at_settings_and_addresses(place: Place, tmp_path: Path) -> None:
    """A missing key, an issuer with another spelling, nobody at the address, and http on the open network."""
    (port,) = free_ports(1)
    stranger = place.run("keygen", str(tmp_path / "key"))
    assert stranger.exit_code == 0
    for changes, step in (
        ({"PRIVATE_KEY": ""}, "settings"),
        ({"ISSUER": "http://authority.example/"}, "settings"),
        ({"ISSUER": place.authority.issuer.replace("127.0.0.1", "localhost")}, "metadata"),
        ({"ISSUER": f"http://127.0.0.1:{port}/"}, "metadata"),
    ):
        last = found(place, **changes)[-1]
        assert (last["step"], last["good"], bool(last["advice"])) == (step, False, True), changes


def test_the_doctor_explains_refusals(place: Place, tmp_path: Path) -> None:
    """A key that is not registered, an unknown client and a scope that is not theirs: code, and what to do."""
    place.run("keygen", str(tmp_path / "key"))
    key = {"PRIVATE_KEY": "", "PRIVATE_KEY_PATH": str(tmp_path / "key")}
    for changes, code in (
        ({**key, "KID": place.settings["TILLIT_KID"]}, "MP-124"),
        ({**key, "KID": "unknown"}, "AS-103"),
        ({"CLIENT_ID": "nobody"}, "MP-100"),
        ({"SCOPES": "x:none"}, "MP-200"),
    ):
        last = found(place, **changes)[-1]
        assert (last["step"], last["code"], bool(last["advice"])) == ("token", code, True), changes


def test_the_doctor_compares_the_key_with_the_registered_one(place: Place) -> None:
    """By the thumbprint that the administrator gives; nothing is sent with another key."""
    signer, before = from_text(place.settings["TILLIT_PRIVATE_KEY"]), place.authority.count()
    strange = json.loads(place.run("doctor", "--json", "--thumbprint", "A" * 43).stdout)
    (last,) = strange["findings"]
    assert (last["step"], last["good"], bool(last["advice"])) == ("settings", False, True)
    assert signer.thumbprint in last["text"]
    assert place.authority.count() == before
    assert place.run("doctor", "--thumbprint", signer.thumbprint).exit_code == 0


def test_the_doctor_explains_an_authority_that_is_out_of_order(place: Place) -> None:
    """A code in such an answer is explained as that of a refusal is."""
    with place.authority.unavailable():
        last = found(place, TOKEN_ENDPOINT=place.authority.endpoints().token_endpoint or "")[-1]
    assert (last["step"], last["code"]) == ("token", "AS-503")
    assert "Try again" in last["advice"]


def test_the_doctor_tells_a_clock_that_is_wrong(place: Place) -> None:
    """Before anything is refused for it, and by how much."""
    with place.authority.skewed(300):
        last = found(place)[-1]
    assert (last["step"], last["good"]) == ("clock", False)
    assert "300 s behind" in last["text"] or "299 s behind" in last["text"] or "301 s behind" in last["text"]


def test_the_doctor_tells_what_is_no_authority(place: Place) -> None:
    """A proxy that answers in HTML, and an authority that is out of order."""
    with place.authority.garbage():
        assert found(place)[-1]["good"] is False
    with place.authority.unavailable():
        assert found(place)[-1]["good"] is False


def test_configuration_is_written_for_a_proxy(place: Place, tmp_path: Path) -> None:
    """The files name the authority's keys and the scopes, and a value that could be misread makes none."""
    given = ["--issuer", place.authority.issuer, "--audience", API, "--out", str(tmp_path / "out")]
    for kind in ("haproxy", "apache", "nginx", "envoy", "spring"):
        assert place.run("config", kind, *given, "--scope", "x:read").exit_code == 0
    written = {file.name for file in (tmp_path / "out").iterdir()}
    assert {"haproxy.cfg", "tillit.conf", "envoy.yaml", "application.yml", "TokenRules.java"} < written
    assert place.run("config", "nginx", *given, "--scope", "x read").exit_code == 2
