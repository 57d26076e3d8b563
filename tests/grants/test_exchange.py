"""The order of steps of a token request (design §4; P1, P2, P3)."""

import json
from dataclasses import replace
from typing import Any

import pytest

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.jose import decode_segment
from authserver.oauth.models import Organisation, Record, Ref, ScopeAccess
from authserver.oauth.request import TokenRequest
from tests.support.build import (
    ABSENT,
    CLIENT_ID,
    CONSUMER,
    DELEGATION_ID,
    ISSUER,
    NOW,
    OWNER,
    SCOPE,
    SUPPLIER,
    claims,
    client_key,
    compact,
    credentials,
    header,
    key,
    make_assertion,
    make_client,
    make_credentials_request,
    make_delegation,
    make_request,
    make_scope,
    refuses,
)
from tests.support.fakes import TRACE_ID, Authority, make_authority, unavailable

pytestmark = pytest.mark.anyio


def grant(**in_claims: Any) -> TokenRequest:
    return make_request(make_assertion(in_claims=in_claims))


def supplying(*records: Record) -> Authority:
    return make_authority(make_client(orgno=SUPPLIER), *records)


def said(compact_token: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(decode_segment(compact_token.split(".")[1]))
    return content


# A token


async def test_a_right_request_gets_a_token() -> None:
    """The answer has the four members, and the token says what was authorized."""
    body = await make_authority().token(grant())
    assert body.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 600, SCOPE)
    token = said(body["access_token"])
    assert (token["iss"], token["client_id"], token["scope"], token["jti"]) == (ISSUER, CLIENT_ID, SCOPE, "token-1")


async def test_the_steps_are_taken_in_order() -> None:
    """P1, P2: judged before it is spent, spent before it is signed, recorded before it leaves."""
    authority = make_authority()
    await authority.token(grant())
    steps = [step for step in authority.journal.steps if step != "registry.facts"]
    assert steps == ["single_use.spend", "signer.sign", "decisions.commit"]
    assert authority.journal.steps[0] == "registry.facts"
    assert authority.journal.steps.index("single_use.spend") > max(
        place for place, step in enumerate(authority.journal.steps) if step == "registry.facts"
    )


async def test_the_decision_is_committed_before_the_token_is_returned() -> None:
    """P2: when the record has not taken the decision, no token leaves."""
    authority = make_authority()
    authority.fail("decisions.commit")
    with refuses(Reason.UNAVAILABLE):
        await authority.token(grant())
    assert len(authority.pen.signed) == 1
    assert authority.record.committed == []


async def test_the_record_of_a_token_names_all_that_was_decided() -> None:
    """P5: who, for whom, what, by which key, under which epoch, on which delegation, and which token."""
    authority = supplying()
    authority.truth.put(Organisation("910753614", "Somebody else"))
    authority.snapshot._epoch = authority.truth.epoch
    body = await authority.token(grant(consumer_org=CONSUMER))
    (decision,) = authority.record.committed
    assert decision.outcome == "issued"
    assert (decision.trace_id, decision.at, decision.epoch, decision.node) == (TRACE_ID, NOW, 1, "node-1")
    assert (decision.client_id, decision.client_orgno) == (CLIENT_ID, SUPPLIER)
    assert (decision.consumer_orgno, decision.supplier_orgno) == (CONSUMER, SUPPLIER)
    assert (decision.scopes, decision.audience) == ((SCOPE,), (f"{ISSUER}api/tax",))
    assert (decision.delegation_id, decision.profile) == (DELEGATION_ID, "standard")
    assert (decision.kid, decision.assertion_id) == (key().kid, "jti-1")
    assert (decision.token_jti, decision.token_expires_at, decision.signing_kid) == ("token-1", NOW + 600, "our-ES256")
    assert len(decision.token_sha256) == 64
    assert (decision.code, decision.reason, decision.detail) == ("", "", "")
    assert body["access_token"] not in repr(decision)


@pytest.mark.parametrize(
    ("profile", "alg", "typ"),
    [("standard", "ES256", "at+jwt"), ("maskinporten", "RS256", "JWT")],
)
async def test_the_token_is_signed_as_its_profile_says(profile: str, alg: str, typ: str) -> None:
    """Design §3: algorithm and typ follow the token profile, for clients that name none as for those that do."""
    pair = key("RS256")
    request = make_request(make_assertion(pair))
    for authority in (
        make_authority(make_client(pair), profile=profile),
        make_authority(make_client(pair, profile=profile), profile="standard"),
        make_authority(make_client(pair, profile=profile), profile="maskinporten"),
    ):
        await authority.token(request)
        ((_, *signed_as),) = authority.pen.signed
        assert signed_as == [alg, typ]


async def test_every_token_has_an_id_of_its_own() -> None:
    """Two assertions make two tokens with two ids."""
    authority = make_authority()
    bodies = [await authority.token(grant(jti=jti)) for jti in ("one", "two")]
    assert [said(body["access_token"])["jti"] for body in bodies] == ["token-1", "token-2"]


async def test_client_credentials_get_a_token() -> None:
    """RFC 6749 §4.4 with private_key_jwt: the same path, the scope from the form."""
    authority = make_authority()
    body = await authority.token(make_credentials_request(compact(header(), credentials())))
    assert body["scope"] == SCOPE
    assert [decision.outcome for decision in authority.record.committed] == ["issued"]


# Refusals


UNPROVEN: dict[str, tuple[TokenRequest, Reason]] = {
    "malformed": (make_request("a.b"), Reason.ASSERTION_MALFORMED),
    "forbidden-header": (make_request(make_assertion(in_header={"crit": []})), Reason.HEADER_FORBIDDEN),
    "typ": (make_request(make_assertion(in_header={"typ": "at+jwt"})), Reason.HEADER_TYP),
    "unknown-client": (grant(iss="nobody"), Reason.CLIENT_UNKNOWN),
    "unknown-kid": (make_request(make_assertion(in_header={"kid": "other"})), Reason.KID_UNKNOWN),
    "signature": (make_request(compact(header(), claims(), key("ES256", "stranger"))), Reason.SIGNATURE),
    "signature-and-scope": (
        make_request(compact(header(), claims(scope="no:such"), key("ES256", "stranger"))),
        Reason.SIGNATURE,
    ),
}


@pytest.mark.parametrize(("request_", "reason"), UNPROVEN.values(), ids=UNPROVEN)
async def test_a_stranger_is_refused_and_leaves_no_trace(request_: TokenRequest, reason: Reason) -> None:
    """P8: before the signature is verified nothing is spent, signed or recorded, or anyone could fill the record."""
    authority = make_authority()
    with refuses(reason):
        await authority.token(request_)
    assert {"single_use.spend", "signer.sign", "decisions.commit"}.isdisjoint(authority.journal.steps)
    assert authority.record.committed == []


DENIED: dict[str, tuple[Record | Ref, Reason]] = {
    "organisation": (Organisation(SUPPLIER, "", active=False), Reason.ORGANISATION_DISABLED),
    "scope": (make_scope(active=False), Reason.SCOPE_DISABLED),
    "access": (ScopeAccess(SCOPE, CONSUMER, "DENIED"), Reason.ACCESS),
    "delegation": (make_delegation(status="revoked"), Reason.DELEGATION),
    "no-delegation": (Ref("delegations", CONSUMER, SUPPLIER), Reason.DELEGATION),
}


@pytest.mark.parametrize(("change", "reason"), DENIED.values(), ids=DENIED)
async def test_a_client_that_proved_itself_is_refused_on_record(change: Record | Ref, reason: Reason) -> None:
    """P5: a refusal by policy is recorded with code, reason and parties; nothing is signed, nothing spent."""
    authority = supplying()
    if isinstance(change, Ref):
        authority.truth.facts[change] = None
    else:
        authority.truth.put(change)
    with refuses(reason) as caught:
        await authority.token(grant(consumer_org=CONSUMER))
    (decision,) = authority.record.committed
    assert (decision.outcome, decision.code, decision.reason) == ("refused", caught.value.code, reason.dotted)
    assert (decision.client_id, decision.client_orgno) == (CLIENT_ID, SUPPLIER)
    assert (decision.consumer_orgno, decision.supplier_orgno) == (CONSUMER, SUPPLIER)
    assert (decision.scopes, decision.assertion_id, decision.detail != "") == ((SCOPE,), "jti-1", True)
    assert (decision.token_jti, decision.token_sha256, decision.signing_kid) == ("", "", "")
    assert {"single_use.spend", "signer.sign"}.isdisjoint(authority.journal.steps)


async def test_a_client_refused_for_itself_has_no_supplier_on_record() -> None:
    """A refusal of a client that acts for itself names its own organisation as consumer."""
    authority = make_authority()
    authority.truth.facts[Ref("access", SCOPE, CONSUMER)] = None
    with refuses(Reason.ACCESS):
        await authority.token(grant())
    (decision,) = authority.record.committed
    assert (decision.consumer_orgno, decision.supplier_orgno) == (CONSUMER, "")


async def test_a_refused_assertion_can_be_sent_again_once_access_is_granted() -> None:
    """What was refused before it was spent is not used up."""
    authority = make_authority()
    authority.truth.put(ScopeAccess(SCOPE, CONSUMER, "DENIED"))
    with refuses(Reason.ACCESS):
        await authority.token(grant())
    authority.truth.put(ScopeAccess(SCOPE, CONSUMER, "APPROVED"))
    assert await authority.token(grant())


@pytest.mark.parametrize(
    ("assertion", "reason"),
    [
        pytest.param("a.b", Reason.ASSERTION_MALFORMED, id="malformed"),
        pytest.param(compact(header(typ="at+jwt"), credentials()), Reason.HEADER_TYP, id="typ"),
        pytest.param(compact(header(), credentials(iss="nobody")), Reason.CLIENT_UNKNOWN, id="unknown-client"),
        pytest.param(compact(header(), credentials(), key("ES256", "stranger")), Reason.SIGNATURE, id="signature"),
        pytest.param(compact(header(), credentials(aud="https://x.example/")), Reason.AUDIENCE, id="audience"),
        pytest.param(compact(header(), credentials(exp="soon")), Reason.CLAIM_VALUE, id="exp"),
        pytest.param(compact(header(), credentials(scope=SCOPE)), Reason.CLAIM_UNKNOWN, id="a-grant"),
        pytest.param(compact(header(), credentials(sub=ABSENT)), Reason.CLAIM_MISSING, id="no-subject"),
    ],
)
async def test_a_bad_client_assertion_is_invalid_client(assertion: str, reason: Reason) -> None:
    """RFC 6749 §5.2: failed client authentication is invalid_client with status 401."""
    with refuses(reason) as caught:
        await make_authority().token(make_credentials_request(assertion))
    assert (caught.value.error, caught.value.status) == ("invalid_client", 401)


async def test_the_same_fault_of_a_grant_is_invalid_grant() -> None:
    """RFC 7521 §4.1.1: where the assertion is the grant, its faults are those of a grant."""
    with refuses(Reason.AUDIENCE) as caught:
        await make_authority().token(grant(aud="https://x.example/"))
    assert (caught.value.error, caught.value.status) == ("invalid_grant", 400)


async def test_a_client_that_authenticated_is_refused_by_policy_in_the_usual_words() -> None:
    """A refusal by policy after good credentials is no invalid_client."""
    authority = make_authority()
    authority.truth.facts[Ref("access", SCOPE, CONSUMER)] = None
    with refuses(Reason.ACCESS) as caught:
        await authority.token(make_credentials_request(compact(header(), credentials())))
    assert (caught.value.error, caught.value.status) == ("forbidden", 403)


# Once


async def test_a_replay_is_refused_on_record() -> None:
    """P1: the second use of an assertion is refused, recorded, and signs nothing; it is not given back either."""
    authority = make_authority()
    await authority.token(grant())
    for _ in range(2):
        with refuses(Reason.REPLAYED):
            await authority.token(grant())
    assert [decision.outcome for decision in authority.record.committed] == ["issued", "refused", "refused"]
    assert authority.record.committed[1].reason == "replayed"
    assert len(authority.pen.signed) == 1
    assert "single_use.release" not in authority.journal.steps


async def test_a_replay_is_refused_also_while_the_record_is_down() -> None:
    """P1: a replay whose refusal cannot be recorded does not free the assertion that another request spent."""
    authority = make_authority()
    await authority.token(grant())
    authority.fail("decisions.commit")
    with refuses(Reason.UNAVAILABLE):
        await authority.token(grant())
    assert "single_use.release" not in authority.journal.steps
    with refuses(Reason.REPLAYED):
        await authority.token(grant())


async def test_the_record_has_the_last_word_on_single_use() -> None:
    """P1: when the memory of assertions forgot, a record that knows the assertion refuses, and says so once."""
    authority = make_authority()
    authority.record.last_word = True
    await authority.token(grant())
    authority.memory.spent.clear()
    with refuses(Reason.REPLAYED):
        await authority.token(grant())
    assert [decision.outcome for decision in authority.record.committed] == ["issued", "refused"]
    assert authority.record.committed[-1].reason == "replayed"
    assert "single_use.release" not in authority.journal.steps


async def test_grant_and_client_authentication_share_one_memory() -> None:
    """R-016: an id spent as client authentication is spent as a grant too."""
    authority = make_authority()
    await authority.token(make_credentials_request(compact(header(), credentials())))
    with refuses(Reason.REPLAYED):
        await authority.token(grant())


async def test_two_clients_may_use_the_same_id() -> None:
    """R-006: an id is single-use per issuer."""
    other = make_client(key("ES256", "other"), client_id="other")
    authority = make_authority(make_client(), other)
    await authority.token(grant())
    assert await authority.token(make_request(make_assertion(key("ES256", "other"), in_claims={"iss": "other"})))


async def test_an_assertion_without_id_is_spent_by_its_content() -> None:
    """Design §3: under maskinporten an assertion without jti is single-use, however its signature is varied."""
    pair = key("RS256")
    authority = make_authority(make_client(pair), profile="maskinporten")
    request = make_request(make_assertion(pair, in_claims={"jti": ABSENT}))
    await authority.token(request)
    with refuses(Reason.REPLAYED):
        await authority.token(request)


# Unavailable


@pytest.mark.parametrize("certain", [True, False])
@pytest.mark.parametrize(
    ("step", "after_spending"),
    [("registry.facts", False), ("single_use.spend", False), ("signer.sign", True), ("decisions.commit", True)],
)
async def test_a_part_that_fails_means_503(step: str, after_spending: bool, certain: bool) -> None:
    """Any part down is 503 with Retry-After; a spent assertion is given back exactly when that is certainly safe."""
    authority = make_authority()
    authority.fail(step, certain=certain)
    with refuses(Reason.UNAVAILABLE) as caught:
        await authority.token(grant())
    assert (caught.value.error, caught.value.status) == ("temporarily_unavailable", 503)
    assert (caught.value.retry_after or 0) > 0
    assert caught.value.detail == step
    released = "single_use.release" in authority.journal.steps
    assert released is (after_spending and certain)
    assert authority.record.committed == []


@pytest.mark.parametrize("step", ["signer.sign", "decisions.commit"])
async def test_what_was_given_back_can_be_sent_again(step: str) -> None:
    """Design §5.4: the same body sent again after a certain 503 gets its token, after an uncertain one a refusal."""
    certain, uncertain = make_authority(), make_authority()
    certain.fail(step)
    uncertain.fail(step, certain=False)
    for authority in (certain, uncertain):
        with refuses(Reason.UNAVAILABLE):
            await authority.token(grant())
    assert await certain.token(grant())
    with refuses(Reason.REPLAYED):
        await uncertain.token(grant())


@pytest.mark.parametrize("step", ["registry.follow", "registry.facts", "decisions.commit"])
@pytest.mark.parametrize("certain", [True, False])
async def test_a_part_that_fails_while_policy_is_read_again_means_503(step: str, certain: bool) -> None:
    """Design §5.4: the assertion is given back also when following the policy, or recording its refusal, fails."""
    authority = make_authority()

    def revoke_and_fail() -> None:
        authority.truth.put(ScopeAccess(SCOPE, CONSUMER, "DENIED"))
        authority.fail(step, certain=certain)

    authority.at("single_use.spend", revoke_and_fail)
    with refuses(Reason.UNAVAILABLE):
        await authority.token(grant())
    assert ("single_use.release" in authority.journal.steps) is certain
    assert authority.pen.signed == []


@pytest.mark.parametrize("step", ["registry.latest", "registry.follow", "decisions.commit"])
async def test_no_refusal_leaves_while_it_may_be_stale_or_unrecorded(step: str) -> None:
    """A refusal that cannot be confirmed against the latest policy, or recorded, is 503 and spends nothing."""
    authority = make_authority()
    authority.truth.facts[Ref("access", SCOPE, CONSUMER)] = None
    authority.truth.put(Organisation("910753614", "Somebody else"))
    authority.fail(step)
    with refuses(Reason.UNAVAILABLE):
        await authority.token(grant())
    assert {"single_use.spend", "single_use.release", "signer.sign"}.isdisjoint(authority.journal.steps)


async def test_a_failing_release_is_still_a_503() -> None:
    """Giving back is best effort: when it fails too, the answer is the same and the assertion stays spent."""
    authority = make_authority()
    authority.fail("signer.sign")
    authority.at("single_use.release", unavailable("single_use.release"))
    with refuses(Reason.UNAVAILABLE):
        await authority.token(grant())
    with refuses(Reason.REPLAYED):
        await authority.token(grant())


async def test_unavailable_is_503_for_client_authentication_too() -> None:
    """A client that authenticates is not told that its credentials are wrong when we cannot decide."""
    authority = make_authority()
    authority.fail("single_use.spend")
    with refuses(Reason.UNAVAILABLE) as caught:
        await authority.token(make_credentials_request(compact(header(), credentials())))
    assert (caught.value.error, caught.value.status) == ("temporarily_unavailable", 503)


# At once


REVOKED: dict[str, tuple[Record | Ref, Reason]] = {
    "delegation": (make_delegation(status="revoked"), Reason.DELEGATION),
    "access": (ScopeAccess(SCOPE, CONSUMER, "DENIED"), Reason.ACCESS),
    "scope": (make_scope(active=False), Reason.SCOPE_DISABLED),
    "owner": (Organisation(OWNER, "", active=False), Reason.ORGANISATION_DISABLED),
    "client": (make_client(orgno=SUPPLIER, active=False), Reason.CLIENT_DISABLED),
    "client-gone": (Ref("client", CLIENT_ID), Reason.CLIENT_UNKNOWN),
    "client-scopes": (make_client(orgno=SUPPLIER, scopes=frozenset()), Reason.SCOPE_NOT_ON_CLIENT),
    "key": (make_client(orgno=SUPPLIER, keys={}), Reason.KID_UNKNOWN),
    "key-inactive": (make_client(orgno=SUPPLIER, keys={key().kid: client_key(active=False)}), Reason.KID_UNKNOWN),
}


def revoke(authority: Authority, change: Record | Ref) -> None:
    if isinstance(change, Ref):
        authority.truth.remove(change)
    else:
        authority.truth.put(change)


@pytest.mark.parametrize(("change", "reason"), REVOKED.values(), ids=REVOKED)
async def test_what_is_revoked_before_the_assertion_is_spent_is_refused(change: Record | Ref, reason: Reason) -> None:
    """P3: a revocation between judging and spending refuses the request, on record under the new epoch."""
    authority = supplying()
    await authority.token(grant(consumer_org=CONSUMER, jti="warm"))
    authority.at("single_use.spend", lambda: revoke(authority, change))
    with refuses(reason):
        await authority.token(grant(consumer_org=CONSUMER))
    assert len(authority.pen.signed) == 1
    _, decision = authority.record.committed
    assert (decision.outcome, decision.reason, decision.epoch) == ("refused", reason.dotted, authority.truth.epoch)
    assert (decision.client_id, decision.client_orgno, decision.kid) == (CLIENT_ID, SUPPLIER, key().kid)
    assert "single_use.release" not in authority.journal.steps


@pytest.mark.parametrize(("change", "reason"), REVOKED.values(), ids=REVOKED)
async def test_what_was_revoked_before_the_request_is_refused(change: Record | Ref, reason: Reason) -> None:
    """P3: a node that has not yet followed the revocation refuses all the same, from the first request on."""
    authority = supplying()
    await authority.token(grant(consumer_org=CONSUMER, jti="warm"))
    revoke(authority, change)
    with refuses(reason):
        await authority.token(grant(consumer_org=CONSUMER))
    assert len(authority.pen.signed) == 1


async def test_what_was_revoked_after_spending_may_finish_under_its_epoch() -> None:
    """P3: a request under way when the revocation answered may finish; its record carries the older epoch."""
    authority = make_authority()
    authority.at("signer.sign", lambda: revoke(authority, ScopeAccess(SCOPE, CONSUMER, "DENIED")))
    await authority.token(grant())
    (decision,) = authority.record.committed
    assert decision.outcome == "issued"
    assert decision.epoch < authority.truth.epoch


async def test_what_was_granted_a_moment_ago_is_accepted() -> None:
    """Before refusing, a node makes sure that it is not behind: a new access counts at once."""
    authority = make_authority()
    denied = ScopeAccess(SCOPE, CONSUMER, "DENIED")
    authority.truth.put(denied)
    with refuses(Reason.ACCESS):
        await authority.token(grant())
    authority.truth.put(replace(denied, state="APPROVED"))
    assert await authority.token(grant())
    assert authority.record.committed[-1].epoch == authority.truth.epoch


async def test_a_client_registered_a_moment_ago_is_known() -> None:
    """A node that has just learned that a client does not exist finds it once it does."""
    authority = make_authority()
    newcomer = make_client(key("ES256", "new"), client_id="newcomer")
    request = make_request(make_assertion(key("ES256", "new"), in_claims={"iss": "newcomer"}))
    with refuses(Reason.CLIENT_UNKNOWN):
        await authority.token(request)
    authority.truth.put(newcomer)
    assert await authority.token(request)


async def test_a_key_added_a_moment_ago_is_known() -> None:
    """A new key serves from the first request that follows its registration."""
    authority = make_authority()
    await authority.token(grant())
    request = make_request(make_assertion(key("ES256", "second")))
    request = make_request(make_assertion(key("ES256", "second"), in_claims={"jti": "second"}))
    with refuses(Reason.KID_UNKNOWN):
        await authority.token(request)
    authority.truth.put(make_client(key(), key("ES256", "second")))
    assert await authority.token(request)


async def test_a_change_that_does_not_matter_costs_one_more_look_and_no_refusal() -> None:
    """A newer epoch at spending is followed and judged again; the token carries the newer epoch."""
    authority = make_authority()
    authority.at("single_use.spend", lambda: authority.truth.put(Organisation("910753614", "Somebody else")))
    await authority.token(grant())
    steps = [step for step in authority.journal.steps if step != "registry.facts"]
    assert steps == ["single_use.spend", "registry.follow", "signer.sign", "decisions.commit"]
    assert authority.record.committed[-1].epoch == authority.truth.epoch


async def test_an_up_to_date_refusal_reads_the_epoch_once() -> None:
    """A refusal under the latest epoch is not judged twice."""
    authority = make_authority()
    with refuses(Reason.CLIENT_UNKNOWN):
        await authority.token(grant(iss="nobody"))
    assert authority.journal.steps == ["registry.facts", "registry.latest"]


async def test_policy_is_judged_on_delegations_that_appear_in_between() -> None:
    """A delegation narrowed between judging and spending narrows the token."""
    authority = supplying()
    narrower = make_delegation(id="narrow", valid_to=NOW + 30)
    authority.at("single_use.spend", lambda: authority.truth.put(narrower))
    body = await authority.token(grant(consumer_org=CONSUMER))
    assert body["expires_in"] == 30
    assert authority.record.committed[-1].delegation_id == "narrow"


async def test_a_fault_that_is_no_refusal_is_not_dressed_as_one() -> None:
    """An error of ours passes through unchanged, for the last door to answer with 500."""
    authority = make_authority()

    def broken() -> None:
        raise ZeroDivisionError

    authority.at("signer.sign", broken)
    with pytest.raises(ZeroDivisionError):
        await authority.token(grant())
    assert "single_use.release" not in authority.journal.steps


async def test_the_cause_of_a_503_is_kept_for_the_operator() -> None:
    """The refusal carries the part that failed as its cause."""
    authority = make_authority()
    authority.fail("signer.sign")
    with pytest.raises(Refusal) as caught:
        await authority.token(grant())
    assert str(caught.value.__cause__) == "signer.sign"
