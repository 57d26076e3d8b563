"""Apache, Envoy, nginx and Spring: what fetches the key set itself, or asks the sidecar."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from tillit.proxies.filling import filled, lines
from tillit.proxies.rules import Rules

_TLS: Final = """\
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
          sni: "{host}"
          common_tls_context:
            validation_context:
              trusted_ca: {{filename: /etc/ssl/certs/ca-certificates.crt}}
              match_typed_subject_alt_names: [{{san_type: DNS, matcher: {{exact: "{host}"}}}}]\
"""


def apache(rules: Rules) -> dict[str, str]:
    """`tillit.conf` for Apache with mod_oauth2 and mod_proxy_http."""
    pairs = zip(rules.scopes, rules.scope_patterns, strict=True)
    wanted = lines((line for scope, pattern in pairs for line in _either(scope, pattern)), 8)
    text = filled(
        "apache.conf",
        jwks_uri=rules.jwks_uri,
        issuer=rules.issuer,
        audience=rules.audience,
        scopes=wanted,
        upstream=rules.upstream,
    )
    return {"tillit.conf": text}


def envoy(rules: Rules) -> dict[str, str]:
    """`envoy.yaml`, a whole static configuration with one listener."""
    host, port, secure = rules.key_set_server
    listen, upstream = rules.listen.rpartition(":"), rules.upstream.rpartition(":")
    text = filled(
        "envoy.yaml",
        listen_host=listen[0],
        listen_port=listen[2],
        issuer=rules.issuer,
        audience=rules.audience,
        jwks_uri=rules.jwks_uri,
        scopes=lines((_principal(pattern) for pattern in rules.scope_patterns), 36),
        upstream_host=upstream[0],
        upstream_port=upstream[2],
        jwks_host=host,
        jwks_port=port,
        tls=_TLS.format(host=host) if secure else "",
    )
    return {"envoy.yaml": text.rstrip("\n") + "\n"}


def nginx(rules: Rules) -> dict[str, str]:
    """`tillit.conf` for nginx, which asks `tillit sidecar`: nginx itself knows no tokens."""
    query = "&".join(f"scope={quote(scope, safe='')}" for scope in rules.scopes)
    text = filled(
        "nginx.conf",
        listen=rules.listen,
        sidecar=rules.sidecar,
        query=f"{query}&audience={quote(rules.audience, safe='')}",
        upstream=rules.upstream,
    )
    return {"tillit.conf": text}


def spring(rules: Rules) -> dict[str, str]:
    """`application.yml` and `TokenRules.java` for Spring Security."""
    package = "org.springframework.security.authorization.AuthorityAuthorizationManager"
    wanted = ",\n".join(f'                    {package}.hasAuthority("SCOPE_{scope}")' for scope in rules.scopes)
    settings = filled("application.yml", issuer=rules.issuer, jwks_uri=rules.jwks_uri, audience=rules.audience)
    return {"application.yml": settings, "TokenRules.java": filled("TokenRules.java", scopes=wanted)}


def _either(scope: str, pattern: str) -> list[str]:
    # Before the caller is known an expression is denied for good, unless beside it there is what may be granted later.
    return [
        "<RequireAny>",
        f'    Require oauth2_claim "scope:{scope}"',
        f"    Require expr \"reqenv('OAUTH2_CLAIM_scope') =~ m#{pattern}#\"",
        "</RequireAny>",
    ]


def _principal(pattern: str) -> str:
    path = "filter: envoy.filters.http.jwt_authn, path: [{key: token}, {key: scope}]"
    found = f"value: {{string_match: {{safe_regex: {{regex: '.*{pattern}.*'}}}}}}"
    return f"- {{metadata: {{{path}, {found}}}}}"
