"""Django: a middleware, decorators and checks, with the extra `django`."""

from tillit.extras import needs_extra

with needs_extra("django"):
    from tillit.django.decorators import require_access, require_scopes, require_token
    from tillit.django.middleware import TokenMiddleware

__all__ = ["TokenMiddleware", "require_access", "require_scopes", "require_token"]
