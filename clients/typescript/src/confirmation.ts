/** What a token is bound to, by its claim `cnf` (RFC 7800, RFC 8705 section 3.1, RFC 9449 section 6.1). */

import { createHash, timingSafeEqual } from "node:crypto";
import { InvalidToken } from "./access-errors.js";
import type { Scheme } from "./access-errors.js";
import { isObject } from "./jose/json.js";

const SHA256 = /^[A-Za-z0-9_-]{43}$/;

/** The SHA-256 thumbprints, base64url, of the key and of the certificate a token is bound to; one or both. */
export interface Confirmation {
  readonly jkt?: string | undefined;
  readonly certificate?: string | undefined;
}

/** The bindings in a `cnf` claim. One that is not known here is not checked, so it is refused: throws InvalidToken. */
export function readConfirmation(claim: unknown): Confirmation {
  const members = isObject(claim) ? Object.entries(claim) : [];
  if (!members.length || !members.every(([name]) => name === "jkt" || name === "x5t#S256")) {
    throw new InvalidToken("the token is bound in a way that this validator does not check");
  }
  if (!members.every(([, value]) => typeof value === "string" && SHA256.test(value))) {
    throw new InvalidToken("the claim cnf is malformed");
  }
  const values = Object.fromEntries(members) as Record<string, string>;
  return { jkt: values["jkt"], certificate: values["x5t#S256"] };
}

/** Whether the client's certificate (DER) is the one the token is bound to, if any. Throws InvalidToken. */
export function checkCertificate(bound: Confirmation, certificate: Uint8Array | undefined): void {
  if (bound.certificate === undefined) return;
  if (certificate === undefined) {
    throw new InvalidToken("the token is bound to a certificate, and none was presented");
  }
  const presented = Buffer.from(certificateThumbprint(certificate));
  if (!timingSafeEqual(presented, Buffer.from(bound.certificate))) {
    throw new InvalidToken("the token is bound to another certificate");
  }
}

/**
 * Whether `scheme` is the one for such a token. Throws InvalidToken.
 *
 * A token bound to a key that comes as a bearer token is a stolen one until the contrary is proven (RFC 9449 section
 * 7.2), and one that is not bound proves nothing by coming with a proof (section 7.1).
 */
export function checkScheme(bound: Confirmation | undefined, scheme: Scheme): void {
  if (bound?.jkt !== undefined && scheme === "Bearer") {
    throw new InvalidToken("the token is bound to a key, and came without proof of possession");
  }
  if (bound?.jkt === undefined && scheme === "DPoP") {
    throw new InvalidToken("the token is not bound to a key, and came as one that is");
  }
}

/** The `x5t#S256` of a certificate (DER): the SHA-256 of the whole of it, base64url (RFC 8705 section 3.1). */
export function certificateThumbprint(certificate: Uint8Array): string {
  return createHash("sha256").update(certificate).digest("base64url");
}
