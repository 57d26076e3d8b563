"""The application `tillit.django`, which checks the settings when Django starts.

In the settings: `"tillit.django"` in INSTALLED_APPS, `"tillit.django.TokenMiddleware"` in MIDDLEWARE, and
`TILLIT = {"ISSUER": …, "AUDIENCE": …}`.
"""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.core import checks

from tillit.django.configured import guard_of, settings_of
from tillit.errors import ConfigError


class TillitConfig(AppConfig):  # type: ignore[misc,unused-ignore]  # Django has no types
    """Registers the checks."""

    name = "tillit.django"
    label = "tillit"

    def ready(self) -> None:
        """Called once the settings are read."""
        checks.register(check_settings, checks.Tags.security)


def check_settings(app_configs: Any, **_: Any) -> list[Any]:  # noqa: ARG001 - the form of Django's checks
    """What is wrong with `settings.TILLIT`: errors `tillit.E001` and `tillit.E002`."""
    from django.conf import settings  # noqa: PLC0415 - read when checked, not when imported

    try:
        guard_of(settings_of())
    except ConfigError as error:
        return [checks.Error(str(error), hint="See TILLIT in the settings.", id="tillit.E001")]
    used = "tillit.django.TokenMiddleware" in settings.MIDDLEWARE
    if not used and any(key in settings_of() for key in ("RULES", "OTHERWISE")):
        return [checks.Error("there are RULES, and no tillit.django.TokenMiddleware to keep them", id="tillit.E002")]
    return []
