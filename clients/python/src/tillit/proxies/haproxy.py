"""HAProxy, which verifies signatures but knows no key sets: each key is a file that the configuration names."""

from __future__ import annotations

import re
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tillit.errors import ConfigError
from tillit.jose.public_keys import KeySet, thumbprint
from tillit.proxies.filling import filled, lines
from tillit.proxies.rules import Rules

_ALGORITHMS: Final = frozenset({"RS256", "ES256"})
_PLAIN: Final = re.compile(r"[A-Za-z0-9._:/=\-]+\Z")


def haproxy(rules: Rules, keys: KeySet, directory: str = "/etc/haproxy") -> dict[str, str]:
    """`haproxy.cfg`, and a PEM file for each RS256 or ES256 key, all to lie in `directory`.

    Raises ConfigError if there is no such key, or if a key id or the directory could be read as something else.
    """
    files: dict[str, str] = {}
    tried: list[str] = []
    for key in keys.keys:
        if key.alg not in _ALGORITHMS:
            continue
        name = f"tillit-{thumbprint(key.key)}.pem"
        path = f"{directory.rstrip('/')}/{name}"
        if not (_PLAIN.match(key.kid) and _PLAIN.match(path)):
            raise ConfigError("a key id or the directory has characters that a configuration file could misread")
        files[name] = key.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
        verified = f"var(txn.token),jwt_verify('{key.alg}','{path}')"
        named = f"{{ var(txn.kid) -m str '{key.kid}' }} {{ var(txn.alg) -m str {key.alg} }}"
        tried.append(f"http-request set-var(txn.good) {verified} if {named}")
    if not files:
        raise ConfigError("the key set has no RS256 or ES256 key that HAProxy could use")
    wanted = " ".join(rules.scopes)
    challenge = f'\'Bearer error="insufficient_scope", scope="{wanted}"\''
    held = [f"{{ var(txn.token),jwt_payload_query('$.scope') -m reg '{each}' }}" for each in rules.scope_patterns]
    scopes = lines((f"http-request return status 403 hdr WWW-Authenticate {challenge} unless {one}" for one in held), 4)
    text = filled(
        "haproxy.cfg",
        listen=rules.listen,
        keys=lines(tried, 4),
        issuer=rules.issuer,
        audience=rules.audience,
        scopes=scopes,
        upstream=rules.upstream,
    )
    return {"haproxy.cfg": text, **files}
