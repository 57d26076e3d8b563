/** What an application asks for: one token request, as a value. */

import { createHash } from "node:crypto";
import { ConfigError } from "./errors.js";

const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/;
const ORGNO = /^[0-9]{9}$/;
const PID = /^[0-9]{11}$/;

/** Scopes as one text with spaces, or one by one. */
export type Scopes = string | Iterable<string>;

/** What is asked for beside scopes. */
export interface TokenRequestOptions {
  /** Becomes the token's audience (RFC 8707). */
  readonly resource?: string | undefined;
  /** The nine-digit number of the organisation on whose behalf a supplier asks. */
  readonly consumerOrg?: string | undefined;
  /** The eleven-digit number of a person; shown by no log that prints the request. */
  readonly pid?: string | undefined;
  /** Rights in detail (RFC 9396), such as a system user's. */
  readonly authorizationDetails?: readonly Readonly<Record<string, unknown>>[] | undefined;
}

/** Scopes and, where asked for, an audience, a delegating organisation and a person. They keep their order for sending. */
export class TokenRequest {
  readonly scopes: readonly string[];
  readonly resource: string | undefined;
  readonly consumerOrg: string | undefined;
  readonly #pid: string | undefined;
  readonly #details: string | undefined;

  /** @throws ConfigError for values no authority would take */
  constructor(scopes: Scopes, options: TokenRequestOptions = {}) {
    const names = typeof scopes === "string" ? scopes.split(/\s+/).filter(Boolean) : [...scopes];
    if (!names.length || !names.every((name) => typeof name === "string" && SCOPE.test(name))) {
      throw new ConfigError("scopes must be one or more scope names (RFC 6749 section 3.3)");
    }
    if (options.consumerOrg !== undefined && !ORGNO.test(options.consumerOrg)) {
      throw new ConfigError("consumerOrg must be the nine digits of an organisation number");
    }
    if (options.pid !== undefined && !PID.test(options.pid)) throw new ConfigError("pid must be eleven digits");
    this.scopes = Object.freeze([...new Set(names)]);
    this.resource = options.resource;
    this.consumerOrg = options.consumerOrg;
    this.#pid = options.pid;
    this.#details = detailsOf(options.authorizationDetails);
    Object.freeze(this);
  }

  /** The number of a person, if one is asked for. */
  get pid(): string | undefined {
    return this.#pid;
  }

  /** The rights in detail, as a copy. */
  get authorizationDetails(): readonly Readonly<Record<string, unknown>>[] | undefined {
    return this.#details === undefined ? undefined : (JSON.parse(this.#details) as Record<string, unknown>[]);
  }

  /** The claims of an assertion that say what is asked for (RFC 7523 section 3). */
  claims(): Record<string, unknown> {
    const members = {
      scope: this.scopes.join(" "),
      resource: this.resource,
      consumer_org: this.consumerOrg,
      pid: this.#pid,
      authorization_details: this.authorizationDetails,
    };
    return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
  }
}

function detailsOf(details: TokenRequestOptions["authorizationDetails"]): string | undefined {
  if (details === undefined) return undefined;
  const good = Array.isArray(details) && details.length > 0 && details.every((item) => typeof item?.["type"] === "string");
  if (!good) throw new ConfigError("authorizationDetails must be a list of objects with a type (RFC 9396 section 2)");
  return JSON.stringify(details);
}

/** What tokens of a client depend on beside the request. */
export interface KeyParts {
  readonly authority: string;
  readonly clientId: string;
  /** The thumbprint of the signer. */
  readonly signer: string;
}

/**
 * A digest of everything the token depends on; the order of the scopes is not part of it.
 *
 * A digest, so that neither `pid` nor organisation shows in a store.
 */
export function cacheKey(request: TokenRequest, parts: KeyParts): string {
  const inputs = [
    "tillit-client-1",
    parts.authority,
    parts.clientId,
    parts.signer,
    [...request.scopes].sort(),
    request.resource ?? null,
    request.consumerOrg ?? null,
    request.pid ?? null,
    request.authorizationDetails ?? null,
  ];
  return createHash("sha256").update(JSON.stringify(inputs)).digest("hex");
}
