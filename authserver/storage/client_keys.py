"""Client keys made ready to verify with, once, as they are loaded."""

from __future__ import annotations

import json
from dataclasses import replace

from authserver.oauth.errors import Refusal
from authserver.oauth.jwk import verification_key
from authserver.oauth.models import Client, ClientKey


def ready(client: Client) -> Client:
    """The client with a verifier on each key; a key that intake refuses today is inactive, whatever its row says."""
    return replace(client, keys={kid: _ready(key) for kid, key in client.keys.items()})


def _ready(key: ClientKey) -> ClientKey:
    try:
        jwk = json.loads(key.jwk)
        if isinstance(jwk, dict):
            return replace(key, verifier=verification_key(jwk, key.alg))
    except (Refusal, ValueError):
        pass
    return replace(key, active=False)
