"""Get access tokens from an authority with `TokenClient`, and validate them with `TokenValidator`."""

from tillit import signers, stores
from tillit.access import check_access
from tillit.access_errors import (
    AccessError,
    Challenge,
    InsufficientScope,
    InvalidProof,
    InvalidRequest,
    InvalidToken,
    KeysUnavailable,
    MissingToken,
    NonceWanted,
    ProofsUnavailable,
    StatusListUnavailable,
)
from tillit.aio import AsyncTokenClient
from tillit.bearer import bearer_token
from tillit.bearer_auth import BearerAuth
from tillit.certificates import CertificateHeader, read_certificate
from tillit.client import TokenClient
from tillit.clock import Clock, SystemClock
from tillit.config import ClientConfig
from tillit.core.access_token import AccessToken, Organisation
from tillit.core.authority import Authority, Discovery
from tillit.core.confirmation import Confirmation
from tillit.core.details import SystemUser
from tillit.core.jwks_cache import JwksLimits
from tillit.core.policy import NO_AUDIENCE, Policy
from tillit.core.presented import Presented
from tillit.core.refresh import RefreshPolicy
from tillit.core.request import TokenRequest
from tillit.core.requirements import AllOf, AnyOf
from tillit.core.retry import RetryPolicy
from tillit.core.rules import OPEN, TOKEN, Access, Rule
from tillit.core.statement import DelegationStatement, Evidence, InvalidStatement
from tillit.core.status_list import Status, StatusList, StatusReference
from tillit.core.token import Token
from tillit.dpop import DpopKey, Prover
from tillit.dpop_auth import DpopAuth
from tillit.dpop_verifier import DpopNonces, DpopVerifier
from tillit.errors import ConfigError, MalformedResponse, Rejected, Throttled, TillitError, TokenError, Unavailable
from tillit.jwks import JwksSource, JwksStatus
from tillit.proof_memory import AwaitedProofMemory, ProofMemory, RecentProofs
from tillit.redis_proofs import RedisProofs
from tillit.sidecar_client import AsyncSidecarTokenClient, SidecarTokenClient
from tillit.signers import Signer
from tillit.statements import StatementVerifier, sign_consent, verify_statement
from tillit.status_check import StatusCheck
from tillit.status_lists import StatusLists, StatusUnavailable
from tillit.stores import Encrypted, FileStore, MemoryStore, RedisStore, TokenStore
from tillit.validator import TokenValidator
from tillit.version import __version__

__all__ = [
    "NO_AUDIENCE",
    "OPEN",
    "TOKEN",
    "Access",
    "AccessError",
    "AccessToken",
    "AllOf",
    "AnyOf",
    "AsyncSidecarTokenClient",
    "AsyncTokenClient",
    "Authority",
    "AwaitedProofMemory",
    "BearerAuth",
    "CertificateHeader",
    "Challenge",
    "ClientConfig",
    "Clock",
    "ConfigError",
    "Confirmation",
    "DelegationStatement",
    "Discovery",
    "DpopAuth",
    "DpopKey",
    "DpopNonces",
    "DpopVerifier",
    "Encrypted",
    "Evidence",
    "FileStore",
    "InsufficientScope",
    "InvalidProof",
    "InvalidRequest",
    "InvalidStatement",
    "InvalidToken",
    "JwksLimits",
    "JwksSource",
    "JwksStatus",
    "KeysUnavailable",
    "MalformedResponse",
    "MemoryStore",
    "MissingToken",
    "NonceWanted",
    "Organisation",
    "Policy",
    "Presented",
    "ProofMemory",
    "ProofsUnavailable",
    "Prover",
    "RecentProofs",
    "RedisProofs",
    "RedisStore",
    "RefreshPolicy",
    "Rejected",
    "RetryPolicy",
    "Rule",
    "SidecarTokenClient",
    "Signer",
    "StatementVerifier",
    "Status",
    "StatusCheck",
    "StatusList",
    "StatusListUnavailable",
    "StatusLists",
    "StatusReference",
    "StatusUnavailable",
    "SystemClock",
    "SystemUser",
    "Throttled",
    "TillitError",
    "Token",
    "TokenClient",
    "TokenError",
    "TokenRequest",
    "TokenStore",
    "TokenValidator",
    "Unavailable",
    "__version__",
    "bearer_token",
    "check_access",
    "read_certificate",
    "sign_consent",
    "signers",
    "stores",
    "verify_statement",
]
