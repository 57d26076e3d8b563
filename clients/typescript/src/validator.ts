/** Access tokens, from text to AccessToken: the one door an API needs. */

import { AccessError, InsufficientScope, InvalidToken, MissingToken } from "./access-errors.js";
import type { Challenge } from "./access-errors.js";
import type { AccessToken, Organisation } from "./access-token.js";
import { checkClaims, holdsDuring } from "./claims.js";
import { systemClock } from "./clock.js";
import type { Clock } from "./clock.js";
import { checkCertificate, checkScheme } from "./confirmation.js";
import type { DpopVerifier } from "./dpop-verifier.js";
import { ConfigError } from "./errors.js";
import { verify } from "./jose/algorithms.js";
import { readCompact } from "./jose/compact.js";
import type { UnverifiedJwt } from "./jose/compact.js";
import { MalformedJose } from "./jose/json.js";
import { JwksSource } from "./jwks.js";
import type { JwksOptions, JwksStatus } from "./jwks.js";
import { NO_AUDIENCE, Policy } from "./policy.js";
import type { Presented } from "./presented.js";
import type { Requirement } from "./requirements.js";
import { StatusCheck } from "./status-check.js";
import { OUTAGE, StatusLists } from "./status-lists.js";
import { VerifiedTokens } from "./verified.js";

/** How a validator is set up. */
export interface ValidatorOptions {
  readonly clock?: Clock | undefined;
  /** How many tokens that were found good are recognised; 1024 by default, 0 keeps nothing. */
  readonly cacheSize?: number | undefined;
  /** Checks the proofs of tokens that are bound to a key, which are refused without it. */
  readonly dpop?: DpopVerifier | undefined;
  /** Looks tokens up in the status lists that they name, each time. */
  readonly status?: StatusCheck | undefined;
}

/** How a validator for one authority is set up. */
export interface IssuerOptions extends ValidatorOptions, JwksOptions {
  /** Allow http beyond loopback addresses. */
  readonly allowHttp?: boolean | undefined;
  /** Look tokens up in the authority's status lists, in place of a `status` of one's own. */
  readonly checkStatus?: boolean | undefined;
}

/**
 * Validates access tokens of both profiles: `at+jwt` (RFC 9068) and the `JWT` of Maskinporten.
 *
 * In order: shape, header, key, signature, times, issuer and audience, scopes. Nothing of a token is believed, and no
 * scope is looked at, before its signature is verified.
 *
 * Up to `cacheSize` tokens that were found good are recognised by the SHA-256 of their whole text, and their signature
 * is not verified again: not after `exp`, and not once the authority's keys have been fetched anew. Scopes are looked
 * at each time. The verdict is the same either way, so the price is memory: the claims of recent tokens, personal ones
 * included, stay in this process.
 *
 * `jwks` is the source of the one issuer's keys, or by issuer the source of each. Tokens that are bound to a
 * certificate are taken by `validateRequest` when it is told the certificate; with `dpop` so are those that are bound to
 * a key.
 */
export class TokenValidator {
  readonly #sources: ReadonlyMap<string, JwksSource>;
  readonly #clock: Clock;
  readonly #verified: VerifiedTokens;
  // Bound tokens have a memory of their own, so that no path without proof can find one.
  readonly #bound: VerifiedTokens;
  readonly #dpop: DpopVerifier | undefined;
  readonly #status: StatusCheck | undefined;

  /** @throws ConfigError */
  constructor(
    readonly policy: Policy,
    jwks: JwksSource | ReadonlyMap<string, JwksSource>,
    options: ValidatorOptions = {},
  ) {
    const [first] = policy.issuers;
    this.#sources = jwks instanceof JwksSource ? new Map([[first as string, jwks]]) : new Map(jwks);
    const named = [...this.#sources.keys()];
    if (named.length !== policy.issuers.size || !named.every((issuer) => policy.issuers.has(issuer))) {
      throw new ConfigError("each issuer of the policy needs its own JwksSource");
    }
    this.#clock = options.clock ?? systemClock;
    this.#verified = new VerifiedTokens(options.cacheSize ?? 1024);
    this.#bound = new VerifiedTokens(options.cacheSize ?? 1024);
    this.#dpop = options.dpop;
    this.#status = options.status;
  }

  /**
   * A validator with the default policy for one authority, whose metadata is looked up at first use.
   *
   * With `checkStatus` a token that names its place in a status list is refused once its delegation has ended, within
   * the minute that a list is kept, or five more while the authority is away; after that the answer is 503. Without it,
   * such a token is good until it ends.
   *
   * @throws ConfigError
   */
  static forIssuer(
    issuer: string,
    audience: string | Iterable<string> | typeof NO_AUDIENCE,
    options: IssuerOptions = {},
  ): TokenValidator {
    const { checkStatus, clock, fetch } = options;
    const jwks = JwksSource.forIssuer(issuer, options);
    const status = checkStatus ? new StatusCheck(new StatusLists(issuer, jwks, { clock, fetch, maxStale: OUTAGE })) : options.status;
    return new TokenValidator(new Policy(issuer, audience), jwks, { ...options, status });
  }

  /**
   * The token, proven good now, and good for `require`. One that is bound is refused: it needs `validateRequest`.
   *
   * @throws InvalidToken (401), InsufficientScope (403) or KeysUnavailable (503)
   */
  async validate(token: string, require?: Requirement): Promise<AccessToken> {
    const found = await this.#validated(token, this.#verified);
    await this.#status?.check(found);
    checkAccess(found, require);
    return found;
  }

  /**
   * The token of a request, proven good and its sender's own: bound tokens too, with the proof they need.
   *
   * @throws what `validate` does, and MissingToken, InvalidProof or NonceWanted (401)
   */
  async validateRequest(presented: Presented, require?: Requirement): Promise<AccessToken> {
    try {
      if (this.#isPlain(presented)) return await this.validate(presented.token, require);
      const found = await this.#validated(presented.token, this.#bound);
      await this.#checkBinding(found, presented);
      await this.#status?.check(found);
      checkAccess(found, require);
      return found;
    } catch (error) {
      // Refusals say which scheme they refuse.
      const scheme = presented.scheme === "DPoP" && !(error instanceof MissingToken);
      if (scheme && error instanceof AccessError) error.scheme = "DPoP";
      throw error;
    }
  }

  /** The HTTP answer to a request that is not served: what `error` says, and which proofs are taken here. */
  challenge(error: AccessError, realm?: string): Challenge {
    return error.challenge({ realm, dpopAlgorithms: this.#dpop?.algorithms });
  }

  /** Fetch the keys before the first request. Does not throw when the authority is away. */
  async warm(): Promise<void> {
    await Promise.all([...this.#sources.values()].map((source) => source.warm()));
  }

  /** By issuer, what is known of its keys; for readiness probes. Asks nobody. */
  status(): ReadonlyMap<string, JwksStatus> {
    return new Map([...this.#sources].map(([issuer, source]) => [issuer, source.status()]));
  }

  /** Verify every token's signature anew from here on, those seen before included. */
  forget(): void {
    this.#verified.forget();
    this.#bound.forget();
  }

  /** Whether nothing is presented but a bearer token, and nothing else is asked for. */
  #isPlain(presented: Presented): boolean {
    if (presented.scheme !== "Bearer" && this.#dpop === undefined) throw new MissingToken("DPoP is not taken here");
    const mustProve = this.#dpop?.required ?? false;
    return presented.scheme === "Bearer" && presented.clientCertificate === undefined && !mustProve;
  }

  async #checkBinding(token: AccessToken, presented: Presented): Promise<void> {
    const bound = token.confirmation;
    checkScheme(bound, presented.scheme);
    if (bound !== undefined) checkCertificate(bound, presented.clientCertificate);
    if (bound?.jkt !== undefined) await this.#dpop?.verify(presented, bound.jkt, this.#now());
    else if (this.#dpop?.required) {
      throw new InvalidToken("the token is not bound to a key, as tokens must be here");
    }
  }

  async #validated(text: string, memory: VerifiedTokens): Promise<AccessToken> {
    const known = memory.recall(text, this.#now());
    // The key is asked for all the same: it may be gone, or have come anew, and asking is what keeps keys fresh.
    if (known !== undefined && (await known.source.key(known.kid, known.alg)) === known.key) return known.token;
    const unverified = this.#read(text);
    const { kid, alg, claims, typ } = unverified;
    const source = this.#source(unverified);
    const key = await source.key(kid, alg);
    if (!(await verify(alg, key, unverified.signingInput, unverified.signature))) {
      throw new InvalidToken("the signature is not valid");
    }
    // The clock is read again: a fetch of keys may have taken a while.
    const now = this.#now();
    const token = checkClaims(claims, typ, this.policy, now);
    // Refused before it is remembered, so that nothing in the memory of plain tokens needs a second look.
    if (token.confirmation !== undefined && memory === this.#verified) {
      throw new InvalidToken("the token is bound, and came without proof of possession");
    }
    memory.keep(text, { token, source, kid, alg, key, during: holdsDuring(token, claims, this.policy) }, now);
    return token;
  }

  #read(token: string): UnverifiedJwt {
    let unverified: UnverifiedJwt;
    try {
      unverified = readCompact(token);
    } catch (error) {
      throw error instanceof MalformedJose ? new InvalidToken(error.message) : error;
    }
    if (!this.policy.algorithms.has(unverified.alg)) throw new InvalidToken("the algorithm is not accepted");
    if (!this.policy.tokenTypes.has(unverified.typ)) {
      throw new InvalidToken("the type of the token is not accepted");
    }
    return unverified;
  }

  #source(unverified: UnverifiedJwt): JwksSource {
    // The unproven issuer only chooses which keys must prove it.
    const { iss } = unverified.claims;
    const source = typeof iss === "string" ? this.#sources.get(iss) : undefined;
    if (source === undefined) throw new InvalidToken("the issuer is not accepted");
    return source;
  }

  #now(): number {
    return Math.floor(this.#clock.time());
  }
}

/**
 * Whether a validated `token` gives access: its scopes meet `require` and its consumer satisfies `consumer`.
 *
 * @throws InsufficientScope
 */
export function checkAccess(
  token: AccessToken,
  require?: Requirement,
  consumer?: (organisation: Organisation) => boolean,
): void {
  if (require !== undefined && !require.metBy(token.scopes)) {
    throw new InsufficientScope("a required scope is missing", require.scopes);
  }
  if (consumer !== undefined && !consumer(token.consumer)) {
    throw new InsufficientScope("the consumer is not admitted here");
  }
}
