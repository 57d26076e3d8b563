/** Why an API does not serve a request, and what it answers (RFC 6750 section 3). */

import { TillitError } from "./errors.js";

/** An HTTP answer as data, for any framework. */
export interface Challenge {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The members of a JSON body. */
  readonly body: Readonly<Record<string, string>>;
}

/** How a challenge is worded. */
export interface ChallengeOptions {
  readonly realm?: string | undefined;
  /** The algorithms of DPoP proofs, where the API takes any (RFC 9449 section 7.1). */
  readonly dpopAlgorithms?: readonly string[] | undefined;
}

/** How credentials are presented (RFC 6750 section 2.1, RFC 9449 section 7.1). */
export type Scheme = "Bearer" | "DPoP";

/**
 * The request is not served. The message is for the provider's log; `description` is what the caller may know.
 * Neither ever holds the token or a part of it.
 */
export class AccessError extends TillitError {
  /** The HTTP status. */
  readonly status: number = 401;
  /** The `error` of RFC 6750 section 3.1; empty when nothing was presented. */
  readonly code: string = "";
  readonly description: string = "";
  /** The scheme of the credentials which were refused. */
  scheme: Scheme = "Bearer";

  /** The answer to give, with `WWW-Authenticate` as RFC 6750 section 3 and RFC 9449 section 7.1 want it. */
  challenge(options: ChallengeOptions = {}): Challenge {
    const about: Record<string, string> = options.realm === undefined ? {} : { realm: options.realm };
    if (this.code) Object.assign(about, { error: this.code, error_description: this.description });
    Object.assign(about, this.parameters());
    const algs: Record<string, string> = options.dpopAlgorithms?.length
      ? { algs: options.dpopAlgorithms.join(" ") }
      : {};
    const challenges =
      this.scheme === "DPoP" ? [rendered("DPoP", { ...about, ...algs })] : [rendered("Bearer", about)];
    if (algs["algs"] && this.scheme !== "DPoP") challenges.push(rendered("DPoP", algs));
    return {
      status: this.status,
      headers: { "WWW-Authenticate": challenges.join(", "), ...this.headers() },
      body: this.body(),
    };
  }

  protected parameters(): Record<string, string> {
    return {};
  }

  protected headers(): Record<string, string> {
    return {};
  }

  protected body(): Record<string, string> {
    return { error: this.code || "unauthorized", error_description: this.description };
  }
}

function rendered(scheme: Scheme, parameters: Record<string, string>): string {
  const quoted = Object.entries(parameters).map(
    ([name, value]) => `${name}="${value.replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, " ")}"`,
  );
  return `${scheme} ${quoted.join(", ")}`.trim();
}

/** No token came: 401 and a bare challenge without an error code (RFC 6750 section 3.1). */
export class MissingToken extends AccessError {
  override readonly description: string = "This resource needs an access token.";
}

/** The credentials are not written as RFC 6750 section 2.1 says, or came twice: 400. */
export class InvalidRequest extends AccessError {
  override readonly status: number = 400;
  override readonly code: string = "invalid_request";
  override readonly description: string = "The Authorization header is malformed.";
}

/** The token is not good here: 401. `expired` tells a client that a new one may be. */
export class InvalidToken extends AccessError {
  override readonly code: string = "invalid_token";
  override readonly description: string;

  constructor(
    message: string,
    readonly expired: boolean = false,
  ) {
    super(message);
    this.description = expired ? "The access token has expired." : "The access token is not valid here.";
  }
}

/** The DPoP proof of the request is missing, or not one for this request and this token: 401 (RFC 9449). */
export class InvalidProof extends AccessError {
  override scheme: Scheme = "DPoP";
  override readonly code: string = "invalid_dpop_proof";
  override readonly description: string = "The DPoP proof is not valid for this request.";
}

/** The proof must hold `nonce`, which goes with the answer: 401, and the client asks once more (RFC 9449 section 9). */
export class NonceWanted extends InvalidProof {
  override readonly code: string = "use_dpop_nonce";
  override readonly description: string = "The DPoP proof must hold the nonce that this API gives.";

  constructor(
    message: string,
    readonly nonce: string,
  ) {
    super(message);
  }

  protected override headers(): Record<string, string> {
    return { "DPoP-Nonce": this.nonce, "Cache-Control": "no-store" };
  }
}

/** The token is good but does not give access to this: 403. `scopes` are those that would. */
export class InsufficientScope extends AccessError {
  override readonly status: number = 403;
  override readonly code: string = "insufficient_scope";
  override readonly description: string;

  constructor(
    message: string,
    readonly scopes: readonly string[] = [],
  ) {
    super(message);
    this.description = scopes.length
      ? "The access token lacks a scope that is required here."
      : "The access token does not give access to this resource.";
  }

  protected override parameters(): Record<string, string> {
    return this.scopes.length ? { scope: this.scopes.join(" ") } : {};
  }
}

/** The authority's keys cannot be had, so no token can be judged: 503, never 401. */
export class KeysUnavailable extends AccessError {
  override readonly status: number = 503;
  override readonly code: string = "temporarily_unavailable";
  override readonly description: string = "Access tokens cannot be checked at the moment.";

  constructor(
    message: string,
    /** Seconds until asking again can help. */
    readonly retryAfter: number = 1,
  ) {
    super(message);
  }

  /** 503 with Retry-After; no challenge, for there is nothing the caller could do better. */
  override challenge(): Challenge {
    const seconds = Math.max(1, Math.ceil(this.retryAfter));
    return { status: this.status, headers: { "Retry-After": String(seconds) }, body: this.body() };
  }
}

/** The status of the token cannot be had, so that it is not known to be good: 503, never 401. */
export class StatusListUnavailable extends KeysUnavailable {}

/** It cannot be told whether the DPoP proof was used before, says a memory of proofs: 503, never 401. */
export class ProofsUnavailable extends KeysUnavailable {}
