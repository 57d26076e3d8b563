/** Tokens that have been verified a moment ago, so that the next request with the same one costs a digest. */

import { createHash } from "node:crypto";
import type { AccessToken } from "./access-token.js";
import { ConfigError } from "./errors.js";
import { MAX_TOKEN } from "./jose/compact.js";
import type { JwksSource } from "./jwks.js";

/** A token and what its verdict rests on. */
export interface Verified {
  readonly token: AccessToken;
  readonly source: JwksSource;
  readonly kid: string;
  readonly alg: string;
  readonly key: CryptoKey;
  /** The first second in which it holds, and the one after the last; seconds since the Unix epoch. */
  readonly during: readonly [number, number];
}

/** Up to `capacity` verdicts by the SHA-256 of the whole token; the least recently used make room. */
export class VerifiedTokens {
  readonly #verdicts = new Map<string, Verified>();

  /** Zero keeps nothing. Throws ConfigError. */
  constructor(readonly capacity: number) {
    if (!(capacity >= 0)) throw new ConfigError("the size of the cache must not be negative");
  }

  /** The verdict on `token` that holds at `now` (seconds since the Unix epoch), if one is kept. */
  recall(token: string, now: number): Verified | undefined {
    if (!this.capacity || typeof token !== "string" || token.length > MAX_TOKEN) return undefined;
    const digest = digestOf(token);
    const verdict = this.#verdicts.get(digest);
    if (verdict === undefined) return undefined;
    this.#verdicts.delete(digest);
    if (!holds(verdict, now)) return undefined;
    this.#verdicts.set(digest, verdict);
    return verdict;
  }

  /** Keep the verdict on `token`. */
  keep(token: string, verdict: Verified, now: number): void {
    if (!this.capacity || !holds(verdict, now)) return;
    this.#verdicts.set(digestOf(token), verdict);
    for (const [digest, oldest] of this.#verdicts) {
      if (this.#verdicts.size <= this.capacity && holds(oldest, now)) break;
      this.#verdicts.delete(digest);
    }
  }

  /** Keep nothing of what was verified so far. */
  forget(): void {
    this.#verdicts.clear();
  }
}

function holds(verdict: Verified, now: number): boolean {
  return now >= verdict.during[0] && now < verdict.during[1];
}

function digestOf(token: string): string {
  return createHash("sha256").update(token, "utf8").digest("base64");
}
