/** The memory of answers that stand: asking again at once would get the same one, at the authority's expense. */

import { MalformedResponse, Rejected, Throttled, Unavailable } from "./errors.js";
import type { TokenError } from "./errors.js";

const MALFORMED = 5;
const FIRST = 10;
const LAST = 60;
const CAPACITY = 1024;

type Standing = Rejected | Throttled | Unavailable | MalformedResponse;

interface Entry {
  readonly error: Standing;
  readonly until: number;
  readonly span: number;
}

/**
 * Per key: the last refusal, and until when it stands. 10 s at first, doubling to 60 s while it repeats.
 *
 * So does a 429; with Retry-After it stands for that long, as a 503 does, at most 60 s. An answer that is none of a
 * token endpoint stands for 5 s. Another failure is not remembered, for it may be over already.
 */
export class Refusals {
  readonly #entries = new Map<string, Entry>();

  /** Note that `key` was refused at `now` (monotonic seconds), if that is worth remembering. */
  remember(key: string, error: TokenError, now: number): void {
    if (!stands(error)) return;
    const previous = this.#entries.get(key)?.span ?? 0;
    this.#entries.delete(key);
    const repeated = error instanceof MalformedResponse ? MALFORMED : 2 * previous || FIRST;
    const span = Math.min(said(error) || repeated, LAST);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size < CAPACITY) break;
      this.#entries.delete(oldest);
    }
    this.#entries.set(key, { error, until: now + span, span });
  }

  /** The refusal that stands for `key` at `now`, as a new error that says it was remembered. */
  recall(key: string, now: number): TokenError | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || now >= entry.until) return undefined;
    const left = entry.until - now;
    const { error } = entry;
    const message = `${error.message} (remembered; asked again in ${left.toFixed(0)} s)`;
    if (error instanceof Rejected) return new Rejected(message, error, true);
    if (error instanceof Throttled) return new Throttled(message, left, error.traceId);
    if (error instanceof MalformedResponse) return new MalformedResponse(message, error.status);
    return new Unavailable(message, error.status, left, error.traceId);
  }

  /** `key` got a token. */
  forget(key: string): void {
    this.#entries.delete(key);
  }
}

function stands(error: TokenError): error is Standing {
  const kinds = error instanceof Rejected || error instanceof Throttled || error instanceof MalformedResponse;
  return kinds || (error instanceof Unavailable && Boolean(error.retryAfter));
}

function said(error: Standing): number | undefined {
  return error instanceof Throttled || error instanceof Unavailable ? error.retryAfter : undefined;
}
