/**
 * What an API knows of an authority's keys, and when it may ask again.
 *
 * The rules here keep three parties from hurting it: an authority that is away (good keys are kept, up to a limit), a
 * sender of invented key ids (asking is rationed by time, whatever the set holds), and one odd key (it is passed over).
 */

import { InvalidToken, KeysUnavailable } from "./access-errors.js";
import { ConfigError } from "./errors.js";
import type { KeySet } from "./jose/public-keys.js";

const MAX_SOFT_TTL = 3600;
// A renewal begins at 70 to 80 % of the age, each time another, so that processes do not ask in step.
const AHEAD = 0.8;
const JITTER = 0.1;

/**
 * Times in seconds.
 *
 * Keys older than `softTtl` (or the Cache-Control max-age the authority states, up to an hour) are fetched anew, and
 * used meanwhile and while that fails; keys older than `hardTtl` are used no more. A fetch for an unknown key id is
 * followed by no other for `cooldown`; after a failure the wait starts at one second and doubles up to `cooldown`. A
 * key id that a fetch did not bring is not fetched for again for `negativeTtl`; `negativeKids` such ids are remembered.
 */
export interface JwksLimits {
  readonly softTtl: number;
  readonly hardTtl: number;
  readonly cooldown: number;
  readonly negativeTtl: number;
  readonly negativeKids: number;
  readonly maxBytes: number;
  readonly timeout: number;
}

/** The limits unless others are given. */
export const JWKS_LIMITS: JwksLimits = {
  softTtl: 300,
  hardTtl: 86_400,
  cooldown: 30,
  negativeTtl: 300,
  negativeKids: 256,
  maxBytes: 256 * 1024,
  timeout: 3,
};

/** What to do before answering: answer from what is known, the same and fetch behind the caller's back, or fetch. */
export type Plan = "answer" | "renew" | "fetch";

/** The state of one key source. Times are monotonic seconds. */
export class JwksCache {
  keys: KeySet | undefined;
  etag: string | undefined;
  lastError: string | undefined;
  fetchedAt = 0;
  #softTtl: number;
  #renewAge: number;
  #mayFetchAt = -Infinity;
  #failures = 0;
  readonly #unknown = new Map<string, number>();

  /** @throws ConfigError */
  constructor(readonly limits: JwksLimits) {
    if (!(limits.softTtl > 0 && limits.softTtl <= limits.hardTtl && limits.cooldown >= 0 && limits.timeout > 0)) {
      throw new ConfigError("key times must be positive, and softTtl at most hardTtl");
    }
    this.#softTtl = limits.softTtl;
    this.#renewAge = AHEAD * limits.softTtl;
  }

  /** What a token with this `kid` calls for. */
  plan(kid: string, now: number): Plan {
    if (!this.mayFetch(now)) return "answer";
    const age = now - this.fetchedAt;
    if (this.keys === undefined || age >= this.#softTtl) return "fetch";
    if (!this.keys.has(kid)) return (this.#unknown.get(kid) ?? now) > now ? "answer" : "fetch";
    return age >= this.#renewAge ? "renew" : "answer";
  }

  /** Whether the ration allows a fetch. */
  mayFetch(now: number): boolean {
    return now >= this.#mayFetchAt;
  }

  /**
   * The key `kid`, bound to `alg`.
   *
   * @throws KeysUnavailable, also while nobody can say whether there is such a key now, else InvalidToken
   */
  answer(kid: string, alg: string, now: number): CryptoKey {
    const retryAfter = this.#mayFetchAt - now;
    if (this.keys === undefined || now - this.fetchedAt >= this.limits.hardTtl) {
      throw new KeysUnavailable(
        `the authority's keys are not known: ${this.lastError ?? "not fetched yet"}`,
        retryAfter,
      );
    }
    const key = this.keys.find(kid, alg);
    if (key !== undefined) return key;
    if (this.keys.has(kid)) throw new InvalidToken("the key is registered for another algorithm");
    if (this.lastError !== undefined) {
      // It may be a key that has come since. A 401 would make callers throw away tokens that are good.
      throw new KeysUnavailable(
        `the key id is not known, and the authority's keys cannot be fetched: ${this.lastError}`,
        retryAfter,
      );
    }
    throw new InvalidToken("the key id is not known");
  }

  /** Remember that a fetch, made for `kid`, did not bring it. */
  noteAbsent(kid: string, now: number): void {
    if (this.keys === undefined || this.keys.has(kid) || this.lastError !== undefined) return;
    this.#unknown.delete(kid);
    for (const oldest of this.#unknown.keys()) {
      if (this.#unknown.size < this.limits.negativeKids) break;
      this.#unknown.delete(oldest);
    }
    this.#unknown.set(kid, now + this.limits.negativeTtl);
  }

  /** A fetch ended well; `keys` is undefined when they had not changed. `chance`, in 0..1, is the jitter's die. */
  succeeded(
    keys: KeySet | undefined,
    etag: string | undefined,
    maxAge: number | undefined,
    now: number,
    chance: number,
  ): void {
    const due = this.keys === undefined || now - this.fetchedAt >= this.#renewAge;
    if (keys !== undefined) {
      this.keys = keys;
      this.etag = etag;
    }
    const longest = Math.max(this.limits.softTtl, Math.min(MAX_SOFT_TTL, this.limits.hardTtl));
    this.#softTtl = Math.min(Math.max(maxAge ?? 0, this.limits.softTtl), longest);
    this.#renewAge = (AHEAD - JITTER * chance) * this.#softTtl;
    // The ration is for fetches that an unknown key id caused; one on schedule must not hide a rotation after it.
    this.#mayFetchAt = due ? now : now + this.limits.cooldown;
    this.fetchedAt = now;
    this.lastError = undefined;
    this.#failures = 0;
  }

  /** A fetch failed. What is known stays known. */
  failed(reason: string, now: number): void {
    this.lastError = reason;
    this.#failures += 1;
    this.#mayFetchAt = now + Math.min(this.limits.cooldown, 2 ** Math.min(this.#failures - 1, 16));
  }

  /** Let the next fetch be made whatever the ration says, and forget which key ids were not there. */
  askAgain(): void {
    this.#mayFetchAt = -Infinity;
    this.#unknown.clear();
  }
}
