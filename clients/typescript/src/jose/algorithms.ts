/** Signature algorithms by their JOSE names, and which key may be used with which (RFC 8725 section 3.1). */

import { decode } from "./base64url.js";
import { isObject, MalformedJose } from "./json.js";
import type { JsonObject } from "./json.js";

/** A key that may not be used; the message names the rule and never the key. */
export class UnsuitableKey extends Error {}

type Parameters = { readonly name: string; readonly hash?: string; readonly saltLength?: number };

const PARAMETERS: ReadonlyMap<string, Parameters> = new Map([
  ["RS256", { name: "RSASSA-PKCS1-v1_5" }],
  ["RS384", { name: "RSASSA-PKCS1-v1_5" }],
  ["RS512", { name: "RSASSA-PKCS1-v1_5" }],
  ["PS256", { name: "RSA-PSS", saltLength: 32 }],
  ["ES256", { name: "ECDSA", hash: "SHA-256" }],
  ["ES384", { name: "ECDSA", hash: "SHA-384" }],
  ["Ed25519", { name: "Ed25519" }],
]);

/** What a policy accepts unless it says otherwise. */
export const DEFAULT_ALGORITHMS: readonly string[] = ["RS256", "PS256", "ES256", "ES384", "Ed25519"];
/** All that this library can verify and sign. */
export const KNOWN_ALGORITHMS: ReadonlySet<string> = new Set(PARAMETERS.keys());

const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 4096;
const RSA_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256"];
const EC_ALGORITHMS: ReadonlyMap<unknown, string> = new Map([
  ["P-256", "ES256"],
  ["P-384", "ES384"],
]);

/** `alg` as RFC 9864 spells it: the older `EdDSA` means `Ed25519` here, the one curve of it that is supported. */
export function canonicalName(alg: string): string {
  return alg === "EdDSA" ? "Ed25519" : alg;
}

/**
 * The one algorithm the key `jwk` is used with: the one it declares if it fits, else the default of its type.
 *
 * @throws UnsuitableKey for key types, curves, RSA sizes (2048 to 4096 bits) and exponents (65537) outside the rules.
 */
export function algorithmFor(jwk: JsonObject, declared: unknown = jwk["alg"]): string {
  const allowed = algorithmsOf(jwk);
  if (declared === undefined || declared === null) return allowed[0] as string;
  if (typeof declared !== "string") throw new UnsuitableKey("the alg of the key is not a string");
  const alg = canonicalName(declared);
  if (!allowed.includes(alg)) throw new UnsuitableKey("the key does not fit its alg");
  return alg;
}

function algorithmsOf(jwk: JsonObject): readonly string[] {
  if (!isObject(jwk)) throw new UnsuitableKey("a key is not a JSON object");
  switch (jwk["kty"]) {
    case "RSA":
      checkRsa(jwk);
      return RSA_ALGORITHMS;
    case "EC": {
      const alg = EC_ALGORITHMS.get(jwk["crv"]);
      if (alg === undefined) throw new UnsuitableKey("the curve must be P-256 or P-384");
      return [alg];
    }
    case "OKP":
      if (jwk["crv"] !== "Ed25519") throw new UnsuitableKey("the curve must be Ed25519");
      return ["Ed25519"];
    default:
      throw new UnsuitableKey("the key type is not used here");
  }
}

function checkRsa(jwk: JsonObject): void {
  let n: Uint8Array;
  try {
    n = decode(jwk["n"]);
  } catch (error) {
    throw error instanceof MalformedJose ? new UnsuitableKey("the RSA key is malformed") : error;
  }
  const digits = Buffer.from(n).toString("hex").replace(/^0+/, "");
  const bits = digits === "" ? 0 : BigInt(`0x${digits}`).toString(2).length;
  if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS) {
    throw new UnsuitableKey("an RSA key must have 2048 to 4096 bits");
  }
  if (jwk["e"] !== "AQAB") throw new UnsuitableKey("the exponent of an RSA key must be 65537");
}

function parametersOf(alg: string): Parameters {
  const parameters = PARAMETERS.get(alg);
  if (parameters === undefined) throw new UnsuitableKey("the algorithm is not known");
  return parameters;
}

/** The JWS signature of `data` (RFC 7515 section 5.1). `alg` must come from `algorithmFor`. */
export async function sign(alg: string, key: CryptoKey, data: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.sign(parametersOf(alg), key, data));
}

/** Whether `signature` is that of `data` (RFC 7515 section 5.2). `alg` must come from `algorithmFor`. */
export async function verify(
  alg: string,
  key: CryptoKey,
  data: Uint8Array<ArrayBuffer>,
  signature: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  return crypto.subtle.verify(parametersOf(alg), key, signature, data);
}
