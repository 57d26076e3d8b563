"""Sign assertions with a key in memory, in a file, or where nobody can read it, and never show it."""

from tillit.signers.external import CallableSigner, from_callable, raw_signature
from tillit.signers.hardware import Pkcs11Signer, from_pkcs11
from tillit.signers.local import LocalSigner, from_jwk, from_pem, from_pkcs12, from_pkcs12_bytes, from_text
from tillit.signers.protocol import Signer
from tillit.signers.rotating import Rotating

__all__ = [
    "CallableSigner",
    "LocalSigner",
    "Pkcs11Signer",
    "Rotating",
    "Signer",
    "current",
    "from_callable",
    "from_jwk",
    "from_pem",
    "from_pkcs11",
    "from_pkcs12",
    "from_pkcs12_bytes",
    "from_text",
    "raw_signature",
]


def current(signer: Signer) -> Signer:
    """The signer of one assertion: one whose header and signature belong together, even while a key is replaced."""
    return signer.current() if isinstance(signer, Rotating) else signer
