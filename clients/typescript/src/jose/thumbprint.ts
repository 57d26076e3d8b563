/** The name that a key has by itself (RFC 7638). */

import { createHash } from "node:crypto";
import { UnsuitableKey } from "./algorithms.js";
import type { JsonObject } from "./json.js";

const MEMBERS: ReadonlyMap<unknown, readonly string[]> = new Map([
  ["RSA", ["e", "kty", "n"]],
  ["EC", ["crv", "kty", "x", "y"]],
  ["OKP", ["crv", "kty", "x"]],
]);

/** The members of `jwk` that make its public key, in the order of the thumbprint. Throws UnsuitableKey. */
export function publicJwk(jwk: JsonObject): JsonObject {
  const names = MEMBERS.get(jwk["kty"]);
  if (names === undefined) throw new UnsuitableKey("the key type is not used here");
  return Object.fromEntries(names.map((name) => [name, jwk[name]]));
}

/** The SHA-256 thumbprint of a key, base64url. Throws UnsuitableKey. */
export function thumbprint(jwk: JsonObject): string {
  return createHash("sha256").update(JSON.stringify(publicJwk(jwk))).digest("base64url");
}
