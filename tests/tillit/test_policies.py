"""The pure decisions: requests as values, cache keys, renewal, retries."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillit import ConfigError, RefreshPolicy, Rejected, RetryPolicy, Throttled, TokenRequest, Unavailable
from tillit.core.refresh import Freshness
from tillit.core.request import cache_key

BASE = TokenRequest("a:b c:d", "https://api.example.no/", "991825827", "12345678901")


def key(request: TokenRequest, authority: str = "i", client_id: str = "c", signer: str = "s") -> str:
    """The cache key with defaults."""
    return cache_key(request, authority=authority, client_id=client_id, signer=signer)


def test_cache_key_covers_every_input() -> None:
    """Whatever a token depends on changes the key."""
    variants = [
        key(BASE),
        key(BASE, authority="j"),
        key(BASE, client_id="d"),
        key(BASE, signer="t"),
        key(TokenRequest("a:b", BASE.resource, BASE.consumer_org, BASE.pid)),
        key(TokenRequest(BASE.scopes, None, BASE.consumer_org, BASE.pid)),
        key(TokenRequest(BASE.scopes, BASE.resource, None, BASE.pid)),
        key(TokenRequest(BASE.scopes, BASE.resource, BASE.consumer_org, None)),
    ]
    assert len(set(variants)) == len(variants)


def test_cache_key_ignores_order_and_hides_its_inputs() -> None:
    """Scopes in another order are the same token; a person's number is not readable in the key."""
    assert key(replace_scopes(BASE, "c:d a:b a:b")) == key(BASE)
    assert "12345678901" not in key(BASE)


def replace_scopes(request: TokenRequest, scopes: str) -> TokenRequest:
    """`request` with other scopes."""
    return TokenRequest(scopes, request.resource, request.consumer_org, request.pid)


def test_request_is_a_value() -> None:
    """Equal requests hash alike, order is kept for sending, and the person is not shown."""
    assert TokenRequest(["a:b", "c:d"]) == TokenRequest("a:b  c:d")
    assert hash(TokenRequest(["a:b"])) == hash(TokenRequest("a:b"))
    assert TokenRequest("c:d a:b").scopes == ("c:d", "a:b")
    assert "12345678901" not in repr(BASE)
    with pytest.raises(AttributeError):
        BASE.scopes = ()  # type: ignore[misc]


@pytest.mark.parametrize(
    "arguments",
    [
        ("",),
        ([],),
        (["a b"],),
        (['a"b'],),
        (["a\\b"],),
        (["æ:b"],),
        ("a:b", None, "12345678"),
        ("a:b", None, "99182582\uff17"),
        ("a:b", None, "991825827\n"),
        ("a:b", None, None, "1234567890"),
    ],
)
def test_requests_no_authority_would_take(arguments: tuple[str | None, ...]) -> None:
    """They fail where they are written, not at the authority."""
    with pytest.raises(ConfigError):
        TokenRequest(*arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lifetime", "soft", "hard"), [(600, 450, 540), (120, 90, 96), (3600, 2700, 3540), (10, 7.5, 8), (1, 0.75, 0.8)]
)
def test_margins_are_in_proportion(lifetime: int, soft: float, hard: float) -> None:
    """A token is renewed from three quarters of its life, and awaited from a minute or a fifth before its end."""
    policy = RefreshPolicy()
    renew_age = policy.renew_age(lifetime, 0.0)

    def judge(age: float) -> Freshness:
        return policy.judge(age=age, lifetime=lifetime, renew_age=renew_age)

    assert renew_age == pytest.approx(soft)
    assert judge(0) is Freshness.FRESH
    assert judge(soft - 0.01) is Freshness.FRESH
    assert judge(soft + 0.01) is Freshness.RENEW
    assert judge(hard - 0.01) is Freshness.RENEW
    assert judge(hard + 0.01) is Freshness.SPENT


@given(lifetime=st.integers(1, 100_000), spread=st.floats(-1, 1))
def test_renewal_never_waits_beyond_the_margin(lifetime: int, spread: float) -> None:
    """Whatever the jitter, renewal begins within a token's life and no later than its margin."""
    policy = RefreshPolicy()
    assert 0 < policy.renew_age(lifetime, spread) <= policy.hard_age(lifetime) <= lifetime


@pytest.mark.parametrize(
    ("error", "attempt", "elapsed", "chance", "wait"),
    [
        (Unavailable(), 1, 0.0, 1.0, 0.2),
        (Unavailable(), 2, 0.0, 1.0, 0.4),
        (Unavailable(), 2, 0.0, 0.5, 0.2),
        (Unavailable(), 3, 0.0, 1.0, None),
        (Unavailable(retry_after=3), 1, 0.0, 0.0, 3),
        (Unavailable(retry_after=3), 1, 7.5, 0.0, None),
        (Throttled(retry_after=1), 1, 0.0, 0.5, 1),
        (Throttled(), 1, 0.0, 1.0, 0.2),
        (Unavailable(), 1, 10.0, 0.0, None),
        (Rejected(), 1, 0.0, 1.0, None),
        (ValueError(), 1, 0.0, 1.0, None),
    ],
)
def test_retry_decisions(error: Exception, attempt: int, elapsed: float, chance: float, wait: float | None) -> None:
    """Only what may pass is retried, within attempts and deadline, after the authority's wait or a jittered one."""
    assert RetryPolicy().wait(error, attempt=attempt, elapsed=elapsed, chance=chance) == wait


@given(attempt=st.integers(1, 50), chance=st.floats(0, 1))
def test_waits_are_capped(attempt: int, chance: float) -> None:
    """However many attempts, a computed wait stays below the cap."""
    policy = RetryPolicy(attempts=100, deadline=1000)
    wait = policy.wait(Unavailable(), attempt=attempt, elapsed=0, chance=chance)
    assert wait is not None
    assert 0 <= wait <= policy.cap


def test_policies_that_cannot_be_meant() -> None:
    """Numbers without meaning are errors."""
    for make in (
        lambda: RetryPolicy(attempts=0),
        lambda: RetryPolicy(deadline=0),
        lambda: RefreshPolicy(margin=-1),
        lambda: RefreshPolicy(soft=0),
        lambda: replace(RefreshPolicy(), margin_fraction=1.0),
    ):
        with pytest.raises(ConfigError):
            make()
