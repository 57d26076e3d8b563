/** The memory of permanent refusals: asking again at once would get the same answer, at the authority's expense. */

import { Rejected, Throttled } from "./errors.js";

const FIRST = 10;
const LAST = 60;
const CAPACITY = 1024;

interface Entry {
  readonly error: Rejected | Throttled;
  readonly until: number;
  readonly span: number;
}

/**
 * Per key: the last refusal, and until when it stands. 10 s at first, doubling to 60 s while it repeats.
 *
 * A 429 with Retry-After stands for that long, at most 60 s.
 */
export class Refusals {
  readonly #entries = new Map<string, Entry>();

  /** Note that `key` was refused at `now` (monotonic seconds). */
  remember(key: string, error: Rejected | Throttled, now: number): void {
    const previous = this.#entries.get(key)?.span ?? 0;
    this.#entries.delete(key);
    const repeated = previous ? Math.min(previous * 2, LAST) : FIRST;
    const span = error instanceof Throttled ? Math.min(error.retryAfter ?? 0, LAST) : repeated;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size < CAPACITY) break;
      this.#entries.delete(oldest);
    }
    this.#entries.set(key, { error, until: now + span, span });
  }

  /** The refusal that stands for `key` at `now`, as a new error that says it was remembered. */
  recall(key: string, now: number): Rejected | Throttled | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || now >= entry.until) return undefined;
    const left = entry.until - now;
    const message = `${entry.error.message} (remembered; asked again in ${left.toFixed(0)} s)`;
    return entry.error instanceof Rejected
      ? new Rejected(message, entry.error, true)
      : new Throttled(message, left, entry.error.traceId);
  }

  /** `key` got a token. */
  forget(key: string): void {
    this.#entries.delete(key);
  }
}
