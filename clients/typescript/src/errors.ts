/**
 * What can go wrong on the way to a token, by what the caller can do about it.
 *
 * No message and no member holds a token, an assertion or key text, so that any error may be logged whole.
 */

const JWT_LIKE = /[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)+/g;
const MAX_TEXT = 500;

/** `text` from outside made fit for a message: no JWT, no control characters, at most 500 characters. */
export function redact(text: string): string {
  const printable = text.slice(0, 4 * MAX_TEXT).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, " ");
  return printable.replace(JWT_LIKE, "[token removed]").slice(0, MAX_TEXT).trim();
}

/** Any error of this library. */
export class TillitError extends Error {
  override get name(): string {
    return this.constructor.name;
  }
}

/** No token could be had. */
export class TokenError extends TillitError {}

/** The configuration or the request cannot work as written. Trying again changes nothing. */
export class ConfigError extends TokenError {}

/** What an authority said with its refusal. */
export interface Refusal {
  /** The OAuth error (RFC 6749 section 5.2). */
  readonly code: string;
  readonly description: string;
  /** The finer code in the description (`MP-251`, `AS-012`). */
  readonly mpCode?: string | undefined;
  /** The HTTP status. */
  readonly status: number;
  /** What the authority's operator can look the refusal up by. */
  readonly traceId?: string | undefined;
  /** What to do about it. */
  readonly hint?: string | undefined;
  /** How many seconds the authority's clock is ahead of ours. */
  readonly skew?: number | undefined;
}

/** The authority answered no (RFC 6749 section 5.2). Trying again unchanged gets the same answer. */
export class Rejected extends TokenError implements Refusal {
  readonly code: string;
  readonly description: string;
  readonly mpCode: string | undefined;
  readonly status: number;
  readonly traceId: string | undefined;
  readonly hint: string | undefined;
  readonly skew: number | undefined;
  /** Nothing was sent: the same request was refused a moment ago. `force` asks again. */
  readonly remembered: boolean;

  constructor(message: string, refusal: Refusal, remembered = false) {
    super(message);
    this.code = refusal.code;
    this.description = refusal.description;
    this.mpCode = refusal.mpCode;
    this.status = refusal.status;
    this.traceId = refusal.traceId;
    this.hint = refusal.hint;
    this.skew = refusal.skew;
    this.remembered = remembered;
  }
}

/** The authority asks for fewer requests (429). */
export class Throttled extends TokenError {
  constructor(
    message: string,
    /** Seconds to wait; undefined if it did not say. */
    readonly retryAfter?: number,
    readonly traceId?: string,
  ) {
    super(message);
  }
}

/** The authority could not be reached in time or is out of order (408, 5xx). Trying again later may work. */
export class Unavailable extends TokenError {
  constructor(
    message: string,
    /** The HTTP status; undefined when no answer came. */
    readonly status?: number,
    /** Seconds to wait; undefined if the authority did not say. */
    readonly retryAfter?: number,
    readonly traceId?: string,
  ) {
    super(message);
  }
}

/** Something answered, but not as a token endpoint does: often a proxy, or a wrong address. */
export class MalformedResponse extends TokenError {
  constructor(
    message: string,
    readonly status?: number,
  ) {
    super(message);
  }
}
