/** Public keys of an authority: JWK Set documents read so that one odd key never spoils the others. */

import { importJWK } from "jose";
import type { JWK } from "jose";
import { algorithmFor, UnsuitableKey } from "./algorithms.js";
import { decode } from "./base64url.js";
import { MAX_KID } from "./compact.js";
import { isObject, MalformedJose, readJsonObject } from "./json.js";
import type { JsonObject } from "./json.js";

const MAX_KEYS = 64;
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];
const ED25519_P = 2n ** 255n - 19n;
// The y coordinates of the eight points of small order: under such a key one signature fits many messages.
const SMALL_ORDER_Y: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  ED25519_P - 1n,
  littleEndian(Buffer.from("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "hex")),
  littleEndian(Buffer.from("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "hex")),
]);

/** A public key and the one algorithm it verifies. */
export interface VerificationKey {
  readonly kid: string;
  readonly alg: string;
  readonly key: CryptoKey;
}

/** The usable keys of a JWK Set, and why the others were passed over. */
export class KeySet {
  constructor(
    readonly keys: readonly VerificationKey[],
    readonly skipped: readonly string[] = [],
  ) {}

  /** Whether any key bears this id. */
  has(kid: string): boolean {
    return this.keys.some((key) => key.kid === kid);
  }

  /** The key with this id that is bound to `alg`. */
  find(kid: string, alg: string): CryptoKey | undefined {
    return this.keys.find((key) => key.kid === kid && key.alg === alg)?.key;
  }
}

/**
 * The usable keys of a JWK Set (RFC 7517 section 5).
 *
 * Keys of an unknown type, symmetric keys, keys that are not for signatures and malformed keys are passed over.
 *
 * @throws MalformedJose if the document is not a JWK Set, has more than 64 keys, or has no usable key.
 */
export async function readJwks(document: Uint8Array): Promise<KeySet> {
  const keys = readJsonObject(document)["keys"];
  if (!Array.isArray(keys) || keys.length > MAX_KEYS) {
    throw new MalformedJose("the document is not a JWK Set of at most 64 keys");
  }
  const usable: VerificationKey[] = [];
  const skipped: string[] = [];
  for (const jwk of keys) {
    try {
      usable.push(await readPublicJwk(jwk));
    } catch (error) {
      if (!(error instanceof UnsuitableKey || error instanceof MalformedJose)) throw error;
      skipped.push(error.message);
    }
  }
  if (!usable.length) throw new MalformedJose("the JWK Set has no usable key");
  return new KeySet(usable, skipped);
}

/** One public JWK as a verification key. Throws UnsuitableKey or MalformedJose with the reason. */
export async function readPublicJwk(jwk: unknown): Promise<VerificationKey> {
  if (!isObject(jwk)) throw new UnsuitableKey("a key is not a JSON object");
  if (PRIVATE_MEMBERS.some((name) => name in jwk)) throw new UnsuitableKey("the key holds private members");
  const { kid } = jwk;
  if (typeof kid !== "string" || !kid || kid.length > MAX_KID) {
    throw new UnsuitableKey("the key has no usable kid");
  }
  const operations = jwk["key_ops"] ?? ["verify"];
  if ((jwk["use"] ?? "sig") !== "sig" || !Array.isArray(operations) || !operations.includes("verify")) {
    throw new UnsuitableKey("the key is not for signatures");
  }
  const alg = algorithmFor(jwk);
  return { kid, alg, key: await imported(publicMembers(jwk), alg) };
}

/** The members that make the key, each a strict base64url text; no more. */
function publicMembers(jwk: JsonObject): JWK {
  const names = jwk["kty"] === "RSA" ? ["n", "e"] : jwk["kty"] === "EC" ? ["x", "y"] : ["x"];
  for (const name of names) decode(jwk[name]);
  if (jwk["kty"] === "OKP") checkEd25519(decode(jwk["x"]));
  const members = ["kty", ...(jwk["kty"] === "RSA" ? [] : ["crv"]), ...names];
  return Object.fromEntries(members.map((name) => [name, jwk[name]])) as unknown as JWK;
}

async function imported(jwk: JWK, alg: string): Promise<CryptoKey> {
  try {
    return (await importJWK(jwk, alg)) as CryptoKey;
  } catch {
    throw new UnsuitableKey("the key is not valid");
  }
}

function checkEd25519(x: Uint8Array): void {
  const y = littleEndian(x) & (2n ** 255n - 1n);
  if (x.length !== 32 || y >= ED25519_P || SMALL_ORDER_Y.has(y)) {
    throw new UnsuitableKey("the Ed25519 key is not a safe point");
  }
}

function littleEndian(data: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(data).reverse().toString("hex") || "0"}`);
}
