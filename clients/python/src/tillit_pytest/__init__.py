"""The pytest plugin of tillit: fixtures for tests with no network, and an authority for them."""

# It stands beside the package tillit so that pytest, which imports it at every start, imports nothing but this. What a
# fixture needs is imported when a test asks for it. Each fixture has a short name and one that starts with `tillit_`;
# they build on the long names only, so a project that has a fixture called `authority` keeps it, and both work.

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tillit import TokenValidator
    from tillit.testing import AnyAuthority, Authority, ManualClock, SigningKeys, TokenFactory
    from tillit.testing.registry import Profile

_OPTIONS = {
    "tillit_authority": ("light or real", "light"),
    "tillit_profile": ("standard or maskinporten", "standard"),
    "tillit_issuer": ("the issuer of light authorities and of token_factory", "https://authority.test/"),
    "tillit_audience": ("whom the tokens of token_factory are for", "https://api.example.no/"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--tillit-authority` and the settings of the fixtures."""
    group = parser.getgroup("tillit", "authorities for tests")
    group.addoption(
        "--tillit-authority",
        choices=("light", "real"),
        help="what the fixture `authority` is: `light` in process, or a `real` authserver where one is installed",
    )
    for name, (meaning, default) in _OPTIONS.items():
        parser.addini(name, meaning, default=default)


def _setting(config: pytest.Config, name: str) -> str:
    return str(config.getini(name))


def _profile(config: pytest.Config) -> Profile:
    return "maskinporten" if _setting(config, "tillit_profile") == "maskinporten" else "standard"


def _clock(request: pytest.FixtureRequest) -> ManualClock | None:
    """The test's clock if it asked for one, be it by the other name; else there is none to stop."""
    if "tillit_clock" not in request.fixturenames:
        return None
    clock: ManualClock = request.getfixturevalue("tillit_clock")
    return clock


def _light(request: pytest.FixtureRequest) -> Authority:
    from tillit.testing import Authority  # noqa: PLC0415

    profile = _profile(request.config)
    keys = request.getfixturevalue("tillit_signing_keys").copy() if profile == "standard" else None
    issuer = _setting(request.config, "tillit_issuer")
    return Authority(issuer, profile=profile, clock=_clock(request), keys=keys)


@pytest.fixture(scope="session")
def tillit_signing_keys() -> SigningKeys:
    """The keys that tokens are signed with, made once a session, for that of RSA takes a moment."""
    from tillit.testing import SigningKeys  # noqa: PLC0415

    return SigningKeys()


@pytest.fixture
def tillit_clock() -> ManualClock:
    """A clock that stands still until the test moves it."""
    from tillit.testing import ManualClock  # noqa: PLC0415

    return ManualClock()


@pytest.fixture
def manual_clock(tillit_clock: ManualClock) -> ManualClock:
    """`tillit_clock`: the light authority, its clients, validators and tokens of this test all read it."""
    return tillit_clock


@pytest.fixture
def tillit_light_authority(request: pytest.FixtureRequest) -> Authority:
    """A light authority, whatever the option says: for tests that order troubles, which a real one has none of."""
    return _light(request)


@pytest.fixture
def light_authority(tillit_light_authority: Authority) -> Authority:
    """`tillit_light_authority`."""
    return tillit_light_authority


@pytest.fixture
def tillit_authority(request: pytest.FixtureRequest) -> Iterator[AnyAuthority]:
    """An authority of the test's own: a light one, or a process where `--tillit-authority=real` says so."""
    config = request.config
    kind = config.getoption("--tillit-authority") or _setting(config, "tillit_authority")
    if kind == "light":
        yield _light(request)
        return
    if kind != "real":
        raise pytest.UsageError("tillit_authority must be light or real")
    if _clock(request) is not None:
        pytest.skip("a real authority has a clock of its own; use light_authority with manual_clock")
    from tillit.testing.real import RealAuthority  # noqa: PLC0415

    directory = request.getfixturevalue("tmp_path_factory").mktemp("authserver")
    with RealAuthority(directory, profile=_profile(config)) as authority:
        yield authority


@pytest.fixture
def authority(tillit_authority: AnyAuthority) -> AnyAuthority:
    """`tillit_authority`. With `manual_clock` in the same test, a light one reads that clock, else the system's."""
    return tillit_authority


@pytest.fixture
def tillit_token_factory(request: pytest.FixtureRequest, tillit_signing_keys: SigningKeys) -> TokenFactory:
    """Makes access tokens, right and wrong, with no authority at all."""
    from tillit.testing import TokenFactory  # noqa: PLC0415

    return TokenFactory(
        _setting(request.config, "tillit_issuer"),
        audience=_setting(request.config, "tillit_audience") or None,
        keys=tillit_signing_keys.copy(),
        clock=_clock(request),
        profile=_profile(request.config),
    )


@pytest.fixture
def token_factory(tillit_token_factory: TokenFactory) -> TokenFactory:
    """`tillit_token_factory`: `token_factory(scopes="x:read", consumer="991825827")` is a token."""
    return tillit_token_factory


@pytest.fixture
def tillit_validator(tillit_token_factory: TokenFactory) -> TokenValidator:
    """A real validator that takes the tokens of the token factory, and finds its keys without a network."""
    return tillit_token_factory.validator()


@pytest.fixture
def validator_under_test(tillit_validator: TokenValidator) -> TokenValidator:
    """`tillit_validator`: build the API with it, and send it tokens of `token_factory`."""
    return tillit_validator
