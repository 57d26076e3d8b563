/** Token status lists as a relying party reads them (draft-ietf-oauth-status-list-17 section 8.3). */

import { inflateSync } from "node:zlib";
import { decode } from "./jose/base64url.js";
import { isObject, MalformedJose } from "./jose/json.js";
import type { JsonObject } from "./jose/json.js";

/** The `typ` of a status list token. */
export const STATUS_LIST_TYPE = "statuslist+jwt";
/** The longest status list token read, in bytes. */
export const MAX_STATUS_TOKEN = 1024 * 1024;
const MAX_INFLATED = 1024 * 1024;
const MAX_TTL = 43_200;
const WIDTHS: readonly unknown[] = [1, 2, 4, 8];
const STATUSES = ["valid", "invalid", "suspended"] as const;

/** What a list says of one entry (section 7.1). Only `valid` is good. */
export type Status = (typeof STATUSES)[number] | "unknown";

/** Where a token says that its status is: an index into the list at an address (section 6.1). */
export interface StatusReference {
  readonly uri: string;
  readonly index: number;
}

/** The reference in the claim `status`. Throws MalformedJose if there is none. */
export function readStatusReference(claims: JsonObject): StatusReference {
  const status = claims["status"];
  const reference = isObject(status) ? status["status_list"] : undefined;
  const { uri, idx: index } = isObject(reference) ? reference : {};
  if (typeof uri !== "string" || !uri || typeof index !== "number" || !Number.isSafeInteger(index) || index < 0) {
    throw new MalformedJose("the claim status names no status list");
  }
  return { uri, index };
}

/** A status list that was verified. Times are seconds since the Unix epoch, `ttl` is in seconds. */
export class StatusList {
  private constructor(
    readonly uri: string,
    readonly issuedAt: number,
    readonly expiresAt: number | undefined,
    readonly ttl: number | undefined,
    readonly bits: number,
    readonly packed: Uint8Array,
  ) {}

  /**
   * The list in the verified claims of a status list token that was read at `uri`.
   *
   * At most 1 MiB is inflated, whatever the list claims to hold.
   *
   * @throws MalformedJose
   */
  static parse(claims: JsonObject, uri: string): StatusList {
    if (claims["sub"] !== uri) throw new MalformedJose("the status list is another one than was asked for");
    const body = claims["status_list"];
    const { bits, lst } = isObject(body) ? body : {};
    if (typeof bits !== "number" || !WIDTHS.includes(bits) || typeof lst !== "string") {
      throw new MalformedJose("the claim status_list is malformed");
    }
    const issuedAt = seconds(claims, "iat");
    if (issuedAt === undefined) throw new MalformedJose("the status list does not say when it was issued");
    return new StatusList(uri, issuedAt, seconds(claims, "exp"), seconds(claims, "ttl"), bits, inflated(lst));
  }

  /** Whether the list may still be believed: issued, and not expired. */
  isCurrent(now: number, leeway = 0): boolean {
    return this.issuedAt <= now + leeway && !this.hasEnded(now - leeway);
  }

  /** Whether its own end has come. */
  hasEnded(now: number): boolean {
    return this.expiresAt !== undefined && now >= this.expiresAt;
  }

  /** For how many seconds after it was read the list need not be asked for again. */
  freshFor(otherwise = 60): number {
    return Math.min(this.ttl ?? otherwise, MAX_TTL);
  }

  /** The status at `index`. Throws MalformedJose when the list has no such index. */
  status(index: number): Status {
    const perByte = 8 / this.bits;
    const byte = this.packed[Math.floor(index / perByte)];
    if (byte === undefined) throw new MalformedJose("the status list has no such index");
    // The first entry is in the least significant bits (section 4.1).
    const value = (byte >> (this.bits * (index % perByte))) & ((1 << this.bits) - 1);
    return STATUSES[value] ?? "unknown";
  }
}

function inflated(lst: string): Uint8Array {
  const compressed = decode(lst);
  let result: { readonly buffer: Uint8Array; readonly engine: { readonly bytesWritten: number } };
  try {
    // The types do not know what `info` returns.
    result = inflateSync(compressed, { maxOutputLength: MAX_INFLATED, info: true }) as unknown as typeof result;
  } catch {
    throw new MalformedJose("the status list is too large, cut off, or not compressed as it should be");
  }
  if (result.engine.bytesWritten !== compressed.length) {
    throw new MalformedJose("the status list is followed by something else");
  }
  return result.buffer;
}

function seconds(claims: JsonObject, name: string): number | undefined {
  const value = claims[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw new MalformedJose(`the claim ${name} is not a whole number of seconds`);
  }
  return value;
}
