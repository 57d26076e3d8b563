/** Get and validate machine-to-machine access tokens of a Tillit or Maskinporten authority. */

export {
  AccessError,
  InsufficientScope,
  InvalidProof,
  InvalidRequest,
  InvalidToken,
  KeysUnavailable,
  MissingToken,
  NonceWanted,
  ProofsUnavailable,
  StatusListUnavailable,
} from "./access-errors.js";
export type { Challenge, ChallengeOptions, Scheme } from "./access-errors.js";
export { AccessToken, Organisation } from "./access-token.js";
export { bearerMiddleware, protect } from "./adapters.js";
export type { AccessOptions, AuthorizedRequest } from "./adapters.js";
export { Authority, Discovery } from "./authority.js";
export type { Endpoints } from "./authority.js";
export { bearerToken } from "./bearer.js";
export { CertificateHeader, readCertificate } from "./certificates.js";
export type { CertificateForm } from "./certificates.js";
export { TokenClient } from "./client.js";
export type { ClientOptions, GetOptions } from "./client.js";
export { systemClock } from "./clock.js";
export type { Clock } from "./clock.js";
export { configFromEnv } from "./config.js";
export type { ClientConfig } from "./config.js";
export type { Confirmation } from "./confirmation.js";
export { DpopKey, Prover } from "./dpop.js";
export type { ProofOptions } from "./dpop.js";
export { dpopFetch } from "./dpop-fetch.js";
export type { DpopFetch, Send } from "./dpop-fetch.js";
export { DpopNonces } from "./dpop-nonces.js";
export { DpopVerifier } from "./dpop-verifier.js";
export type { DpopOptions } from "./dpop-verifier.js";
export { ConfigError, MalformedResponse, Rejected, Throttled, TillitError, TokenError, Unavailable } from "./errors.js";
export type { KeyOptions } from "./jose/private-keys.js";
export { JwksSource } from "./jwks.js";
export type { JwksOptions, JwksStatus } from "./jwks.js";
export type { JwksLimits } from "./jwks-cache.js";
export { NO_AUDIENCE, Policy } from "./policy.js";
export type { PolicyOptions } from "./policy.js";
export { Presented } from "./presented.js";
export type { PresentedOptions } from "./presented.js";
export { RecentProofs } from "./proof-memory.js";
export type { ProofMemory } from "./proof-memory.js";
export { AllOf, AnyOf } from "./requirements.js";
export type { Requirement } from "./requirements.js";
export type { RefreshPolicy, RetryPolicy } from "./policies.js";
export { fromCallable, fromJwk, fromPem, fromText } from "./signers.js";
export type { Signer } from "./signers.js";
export { StatusCheck } from "./status-check.js";
export type { StatusMode } from "./status-check.js";
export type { Status, StatusReference } from "./status-list.js";
export { StatusLists, StatusUnavailable } from "./status-lists.js";
export type { StatusListsOptions } from "./status-lists.js";
export type { TokenStore } from "./store.js";
export { TokenRequest } from "./token-request.js";
export type { Scopes, TokenRequestOptions } from "./token-request.js";
export { Token } from "./token.js";
export type { Fetch } from "./transport.js";
export { checkAccess, TokenValidator } from "./validator.js";
export type { IssuerOptions, ValidatorOptions } from "./validator.js";
