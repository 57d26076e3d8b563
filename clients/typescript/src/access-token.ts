/** A validated access token as an API sees it. */

import type { Confirmation } from "./confirmation.js";
import { isObject } from "./jose/json.js";
import type { JsonObject } from "./jose/json.js";

/** An organisation as tokens name it: `{"authority": "iso6523-actorid-upis", "ID": "0192:991825827"}`. */
export class Organisation {
  constructor(
    readonly authority: string,
    /** The register (`0192` is the Norwegian one), empty where the identifier has none. */
    readonly icd: string,
    readonly number: string,
    /** What follows the number, for identifiers of sub-units. */
    readonly suffix: string = "",
  ) {}

  /** The organisation in a `consumer` or `supplier` claim; undefined if it is none. */
  static parse(claim: unknown): Organisation | undefined {
    if (!isObject(claim)) return undefined;
    const { authority, ID } = claim;
    if (typeof authority !== "string" || typeof ID !== "string" || !authority || !ID) return undefined;
    const [first = "", number, ...rest] = ID.split(":");
    if (number === undefined) return new Organisation(authority, "", ID);
    return first && number ? new Organisation(authority, first, number, rest.join(":")) : undefined;
  }

  /** The identifier as tokens write it: `0192:991825827`. */
  get id(): string {
    return [this.icd, this.number, this.suffix].filter(Boolean).join(":");
  }

  /** Whether `other` is the same organisation. */
  equals(other: Organisation | undefined): boolean {
    return other !== undefined && this.authority === other.authority && this.id === other.id;
  }
}

/** What the validator knows of a token. */
export interface AccessTokenMembers {
  readonly issuer: string;
  readonly clientId: string;
  readonly consumer: Organisation;
  readonly scopes: ReadonlySet<string>;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly jti: string;
  readonly supplier?: Organisation | undefined;
  readonly delegationSource?: string | undefined;
  readonly delegationChain: readonly Organisation[];
  readonly audience: readonly string[];
  readonly clientAmr?: string | undefined;
  readonly subject?: string | undefined;
  readonly confirmation?: Confirmation | undefined;
}

/** What names a person, or may: shown by no log that prints the token. */
export interface HiddenMembers {
  readonly pid?: string | undefined;
  readonly authorizationDetails: readonly JsonObject[];
  readonly claims: JsonObject;
}

/**
 * Who calls, for whom, with which rights. Only a validator makes one. Times are seconds since the Unix epoch.
 *
 * `consumer` is the organisation that was granted access; `supplier` the one that asks in its name, if any, under a
 * delegation registered at `delegationSource`. When the delegation was handed on, `delegationChain` names everybody it
 * went through, from the consumer's first supplier to `supplier`; otherwise it is empty. `clientId` is for logs: access
 * is decided on `consumer`. `confirmation` is what the token is bound to; the sender has proven to hold it.
 *
 * One validated token may serve many requests, so it is frozen, and its claims are handed out as copies.
 */
export class AccessToken implements AccessTokenMembers {
  readonly issuer!: string;
  readonly clientId!: string;
  readonly consumer!: Organisation;
  readonly scopes!: ReadonlySet<string>;
  readonly issuedAt!: number;
  readonly expiresAt!: number;
  readonly jti!: string;
  readonly supplier: Organisation | undefined;
  readonly delegationSource: string | undefined;
  readonly delegationChain!: readonly Organisation[];
  readonly audience!: readonly string[];
  readonly clientAmr: string | undefined;
  readonly subject: string | undefined;
  readonly confirmation: Confirmation | undefined;
  readonly #hidden: HiddenMembers;

  constructor(members: AccessTokenMembers, hidden: HiddenMembers) {
    Object.assign(this, members);
    this.#hidden = hidden;
    for (const part of [this.consumer, this.supplier, ...this.delegationChain]) Object.freeze(part);
    Object.freeze(this.delegationChain);
    Object.freeze(this.audience);
    Object.freeze(this.confirmation);
    Object.freeze(this);
  }

  /** Whether a supplier acts in the consumer's name. */
  get isDelegated(): boolean {
    return this.supplier !== undefined;
  }

  /** The number of a person, if the token names one. */
  get pid(): string | undefined {
    return this.#hidden.pid;
  }

  /** The rights of RFC 9396, as a copy. */
  get authorizationDetails(): readonly JsonObject[] {
    return structuredClone(this.#hidden.authorizationDetails);
  }

  /** All claims, as a copy. */
  get claims(): JsonObject {
    return structuredClone(this.#hidden.claims);
  }
}

/** A set that cannot be changed, not even from JavaScript. */
export class FrozenSet extends Set<string> {
  static of(values: Iterable<string>): ReadonlySet<string> {
    const made = new FrozenSet(values);
    for (const name of ["add", "delete", "clear"]) {
      Object.defineProperty(made, name, {
        value: () => {
          throw new TypeError("the scopes of a token do not change");
        },
      });
    }
    return Object.freeze(made);
  }
}
