/** An access token as a client holds it. */

import type { Scheme } from "./access-errors.js";
import type { Clock } from "./clock.js";
import type { TokenRequest } from "./token-request.js";

/** How and when a token was got. Times in seconds, from before it was asked for. */
export interface Obtained {
  readonly clock: Clock;
  /** On the monotonic clock. */
  readonly monotonic: number;
  /** On the wall clock. */
  readonly wall: number;
  /** The age at which it may be renewed. */
  readonly renewAge: number;
}

/** An access token and how long it is good for. Its value is secret: neither `util.inspect` nor JSON shows it. */
export class Token {
  readonly #value: string;
  readonly #obtained: Obtained;

  constructor(
    value: string,
    /** Those granted. */
    readonly scopes: readonly string[],
    readonly request: TokenRequest,
    /** Seconds, counted from before the token was asked for. */
    readonly lifetime: number,
    obtained: Obtained,
    readonly tokenType: Scheme = "Bearer",
  ) {
    this.#value = value;
    this.#obtained = obtained;
    Object.freeze(this);
  }

  /** The token itself. */
  get value(): string {
    return this.#value;
  }

  /** The value of the Authorization header (RFC 6750 section 2.1); of a DPoP token only good with a proof. */
  get authorization(): string {
    return `${this.tokenType} ${this.#value}`;
  }

  /** When it was asked for: seconds since the Unix epoch. */
  get obtainedAt(): number {
    return this.#obtained.wall;
  }

  /** The age in seconds at which it may be renewed. */
  get renewAge(): number {
    return this.#obtained.renewAge;
  }

  /**
   * Seconds since the request for this token was made.
   *
   * The larger of both clocks' opinions: the monotonic one stands still while a machine sleeps, the wall clock may be
   * set back.
   */
  age(): number {
    const { clock, monotonic, wall } = this.#obtained;
    return Math.max(clock.monotonic() - monotonic, clock.time() - wall, 0);
  }

  /** Seconds left; zero or less when expired. */
  expiresIn(): number {
    return this.lifetime - this.age();
  }
}
