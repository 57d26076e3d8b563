"""The thumbprints (RFC 7638) of keys whose private halves are published in `keys-example/`: worthless as proof."""

from __future__ import annotations

from typing import Final

THUMBPRINTS: Final = frozenset(
    {
        "HEc8MdXBXkPg1WF0KvfXRCbsSxvVi9SbePVkzHrD-D8",  # consumer
        "Pz2_N7Raw7X5kaL4So9Y4TlOJ6I_1aKTSQ1GNsoR7Ww",  # supplier
        "ARRVvpUKZ_a9NMpHgrERsJxOhIz2FyC7B7TkOywrjbw",  # ed25519
        "jBDPP-Q-AYqjsUqqmeuPDAPgjw_Erd9klOE4zaJ1Di8",  # foreign
    }
)
