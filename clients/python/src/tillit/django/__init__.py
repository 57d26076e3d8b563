"""Django: a middleware, decorators and checks. Needs the extra `tillit[django]`.

In the settings: `"tillit.django"` in INSTALLED_APPS, `"tillit.django.TokenMiddleware"` in MIDDLEWARE, and
`TILLIT = {"ISSUER": …, "AUDIENCE": …}`.
"""

from tillit.django.decorators import require_access, require_scopes, require_token
from tillit.django.middleware import TokenMiddleware

__all__ = ["TokenMiddleware", "require_access", "require_scopes", "require_token"]
