/** The compact serialisation of a signed JWT (RFC 7515 section 7.1), read strictly and not yet believed. */

import { decode } from "./base64url.js";
import { MalformedJose, readJsonObject } from "./json.js";
import type { JsonObject } from "./json.js";

/** The longest access token read, in characters. */
export const MAX_TOKEN = 16 * 1024;
/** The longest JOSE header read, in characters of base64url. */
export const MAX_HEADER = 4 * 1024;
/** The longest key id read. */
export const MAX_KID = 256;

// crit and b64 change how the rest is read; the others carry or point to a key chosen by the sender (RFC 8725
// section 3.10), or a decompression bomb. None of them has a place in an access token.
const FORBIDDEN = ["crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c"];

/** A well-formed signed JWT of which nothing has been proven. */
export interface UnverifiedJwt {
  readonly alg: string;
  readonly kid: string;
  /** Lower case, without `application/` (RFC 7515 section 4.1.9); null when the header has none. */
  readonly typ: string | null;
  readonly claims: JsonObject;
  readonly signingInput: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
}

/** The three parts of a compact JWS of at most `most` characters. Throws MalformedJose. */
export function threeParts(token: string, most: number): readonly [string, string, string] {
  if (typeof token !== "string" || token.length > most) throw new MalformedJose("the token is too large");
  const [header, claims, signature, ...more] = token.split(".", 4);
  if (!header || !claims || !signature || more.length) {
    throw new MalformedJose("the token is not a compact JWS of three parts");
  }
  if (header.length > MAX_HEADER) throw new MalformedJose("the header is too large");
  return [header, claims, signature];
}

/**
 * Take a compact JWS with JSON claims, of at most `most` characters, apart.
 *
 * @throws MalformedJose when it is too large, is not three strict base64url parts, has a header member that may not
 * be there, or lacks `alg` or `kid`.
 */
export function readCompact(token: string, most = MAX_TOKEN): UnverifiedJwt {
  const [first, second, third] = threeParts(token, most);
  const header = readJsonObject(decode(first));
  for (const name of FORBIDDEN) {
    if (name in header) throw new MalformedJose(`the header member ${name} is not allowed`);
  }
  const { alg, kid } = header;
  if (typeof alg !== "string") throw new MalformedJose("the header has no alg");
  if (typeof kid !== "string" || !kid || kid.length > MAX_KID) {
    throw new MalformedJose("the header has no usable kid");
  }
  return {
    alg,
    kid,
    typ: typeOf(header),
    claims: readJsonObject(decode(second)),
    signingInput: new TextEncoder().encode(`${first}.${second}`),
    signature: decode(third),
  };
}

/** The `typ` of a header in its short form, or null. Throws MalformedJose. */
export function typeOf(header: JsonObject): string | null {
  if (!("typ" in header)) return null;
  if (typeof header["typ"] !== "string") throw new MalformedJose("the header member typ is not a string");
  return header["typ"].toLowerCase().replace(/^application\//, "");
}
