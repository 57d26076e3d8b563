/** Which DPoP proofs have been used (RFC 9449 section 11.1). */

import { ConfigError } from "./errors.js";

/** Where proofs that were used are remembered. Share one between processes to share the memory. */
export interface ProofMemory {
  /**
   * Whether the proof with this `digest` (32 bytes, base64) is new; then it is not from now on.
   *
   * Proofs issued before `horizon` need not be remembered, for they are too old to be taken. Times are seconds since
   * the Unix epoch. What it throws goes to the caller; ProofsUnavailable is an answer of 503.
   */
  firstUse(digest: string, issuedAt: number, now: number, horizon: number): boolean | Promise<boolean>;
}

/**
 * The proofs of the last seconds, at most `capacity` of them, in this process.
 *
 * When it is full, the oldest make room, and proofs as old as these are refused from then on: a replay is never taken
 * for a first use, however many proofs there are.
 */
export class RecentProofs implements ProofMemory {
  readonly #seen = new Set<string>();
  readonly #bySecond = new Map<number, string[]>();
  #floor = 0;
  #horizon = 0;

  /** @throws ConfigError */
  constructor(readonly capacity: number = 100_000) {
    if (!(capacity >= 1)) throw new ConfigError("the capacity must be at least 1");
  }

  /** How many are remembered. */
  get size(): number {
    return this.#seen.size;
  }

  firstUse(digest: string, issuedAt: number, _now: number, horizon: number): boolean {
    if (horizon > this.#horizon) {
      this.#horizon = horizon;
      for (const second of this.#bySecond.keys()) if (second < horizon) this.#forget(second);
    }
    if (this.#seen.size >= this.capacity) {
      const oldest = Math.min(...this.#bySecond.keys());
      this.#forget(oldest);
      this.#floor = Math.max(this.#floor, oldest + 1);
    }
    if (issuedAt < this.#floor || this.#seen.has(digest)) return false;
    this.#seen.add(digest);
    const others = this.#bySecond.get(issuedAt);
    if (others === undefined) this.#bySecond.set(issuedAt, [digest]);
    else others.push(digest);
    return true;
  }

  #forget(second: number): void {
    for (const digest of this.#bySecond.get(second) ?? []) this.#seen.delete(digest);
    this.#bySecond.delete(second);
  }
}
