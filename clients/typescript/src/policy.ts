/** What an API accepts: issuers, audience, algorithms, kinds of token, times. */

import { ConfigError } from "./errors.js";
import { DEFAULT_ALGORITHMS, KNOWN_ALGORITHMS } from "./jose/algorithms.js";

/** Said aloud by an API that has no audience of its own. */
export const NO_AUDIENCE: unique symbol = Symbol("NO_AUDIENCE");

/** The rules of a policy that have defaults. Times in seconds. */
export interface PolicyOptions {
  /** Accept tokens that are addressed to nobody, which only the `JWT` profile allows. */
  readonly acceptUnaddressed?: boolean;
  /** JOSE names. */
  readonly algorithms?: Iterable<string>;
  /** How far clocks may be apart: 0 to 300 seconds, 10 by default. */
  readonly leeway?: number;
  /** Values of the `typ` header, null for its absence. */
  readonly tokenTypes?: Iterable<string | null>;
  /** The longest time since issue, in seconds. */
  readonly maxAge?: number | undefined;
}

/**
 * The rules of one API.
 *
 * `issuers` are accepted to the letter. `audience` is how tokens must address this API: one or several identifiers,
 * or `NO_AUDIENCE`. A token addressed to somebody else is refused in either case (RFC 7519 section 4.1.3).
 *
 * @throws ConfigError
 */
export class Policy {
  readonly issuers: ReadonlySet<string>;
  readonly audience: ReadonlySet<string>;
  readonly acceptUnaddressed: boolean;
  readonly algorithms: ReadonlySet<string>;
  readonly leeway: number;
  readonly tokenTypes: ReadonlySet<string | null>;
  readonly maxAge: number | undefined;

  constructor(
    issuers: string | Iterable<string>,
    audience: string | Iterable<string> | typeof NO_AUDIENCE,
    options: PolicyOptions = {},
  ) {
    this.issuers = texts(issuers, "issuers");
    this.audience = audience === NO_AUDIENCE ? new Set() : texts(audience, "audience");
    this.acceptUnaddressed = audience === NO_AUDIENCE || (options.acceptUnaddressed ?? false);
    this.algorithms = new Set(options.algorithms ?? DEFAULT_ALGORITHMS);
    this.leeway = options.leeway ?? 10;
    const types = options.tokenTypes ?? [null, "JWT", "at+jwt"];
    this.tokenTypes = new Set([...types].map((type) => type?.toLowerCase() ?? null));
    this.maxAge = options.maxAge;
    if (!this.algorithms.size || ![...this.algorithms].every((name) => KNOWN_ALGORITHMS.has(name))) {
      throw new ConfigError(`algorithms must be among ${[...KNOWN_ALGORITHMS].sort().join(", ")}`);
    }
    const known = [null, "jwt", "at+jwt"];
    if (!this.tokenTypes.size || ![...this.tokenTypes].every((type) => known.includes(type))) {
      throw new ConfigError("tokenTypes must be among null, 'JWT' and 'at+jwt'");
    }
    if (!(this.leeway >= 0 && this.leeway <= 300) || (this.maxAge !== undefined && !(this.maxAge > 0))) {
      throw new ConfigError("leeway must be 0 to 300 seconds, maxAge positive");
    }
  }
}

function texts(value: string | Iterable<string>, name: string): ReadonlySet<string> {
  const values = new Set(typeof value === "string" ? [value] : value);
  if (!values.size || ![...values].every((item) => typeof item === "string" && item)) {
    throw new ConfigError(`${name} must be one or more texts`);
  }
  return values;
}
