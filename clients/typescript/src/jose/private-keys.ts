/** Private keys in the forms people keep them in: JWK, and PEM, also on one line. */

import { createPrivateKey } from "node:crypto";
import type { JsonWebKey, KeyObject } from "node:crypto";
import { importJWK } from "jose";
import type { JWK } from "jose";
import { ConfigError } from "../errors.js";
import { algorithmFor, sign, UnsuitableKey } from "./algorithms.js";
import { readJsonObject } from "./json.js";
import type { JsonObject } from "./json.js";
import { publicJwk, thumbprint } from "./thumbprint.js";

/** What a key does not say of itself. */
export interface KeyOptions {
  /** The key's id at the authority; without it the JWK's `kid`, else the RFC 7638 thumbprint. */
  readonly kid?: string | undefined;
  /** The JOSE name of the algorithm; without it the JWK's `alg`, else the default of the key's type. */
  readonly alg?: string | undefined;
}

/** A private key, the algorithm it is used with, and the key id found beside it. No inspection shows the key. */
export class SigningKey {
  readonly alg: string;
  readonly kid: string | undefined;
  /** The RFC 7638 thumbprint of the public key. */
  readonly thumbprint: string;
  /** The public key, without `alg` and `kid`. */
  readonly publicJwk: JsonObject;
  readonly #jwk: JWK;
  #key: Promise<CryptoKey> | undefined;

  /** @throws ConfigError if the key cannot sign under the algorithm */
  constructor(key: KeyObject, options: KeyOptions = {}) {
    const jwk = key.export({ format: "jwk" }) as JsonObject;
    try {
      this.alg = algorithmFor(jwk, options.alg);
    } catch (error) {
      throw error instanceof UnsuitableKey ? new ConfigError(`the key cannot be used: ${error.message}`) : error;
    }
    this.kid = options.kid;
    this.thumbprint = thumbprint(jwk);
    this.publicJwk = publicJwk(jwk);
    this.#jwk = jwk as unknown as JWK;
  }

  /** The JWS signature of `data`. */
  async sign(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
    this.#key ??= importJWK(this.#jwk, this.alg) as Promise<CryptoKey>;
    return sign(this.alg, await this.#key, data);
  }
}

/** The private key in a JWK, as an object or JSON text. Throws ConfigError if it cannot sign. */
export function readJwk(jwk: object | string, options: KeyOptions = {}): SigningKey {
  let members: JsonObject;
  let key: KeyObject;
  // The cause is dropped wherever key text was parsed: libraries may quote their input in messages.
  try {
    members = typeof jwk === "string" ? readJsonObject(Buffer.from(jwk.trim())) : { ...jwk };
  } catch {
    throw new ConfigError("the JWK is not a JSON object");
  }
  const { kid, alg } = members;
  if (!("d" in members)) throw new ConfigError("the JWK holds no private key (it has no member d)");
  if (alg !== undefined && typeof alg !== "string") throw new ConfigError("the alg of the key must be a string");
  try {
    key = createPrivateKey({ key: members as JsonWebKey, format: "jwk" });
  } catch {
    throw new ConfigError("the JWK is not a valid private key");
  }
  return new SigningKey(key, {
    kid: options.kid ?? (typeof kid === "string" && kid ? kid : undefined),
    alg: options.alg ?? alg,
  });
}

/** The private key in a PEM text; `\n` written as two characters is understood. Throws ConfigError. */
export function readPem(pem: string, options: KeyOptions & { readonly passphrase?: string } = {}): SigningKey {
  const text = pem.replaceAll("\\r", "").replaceAll("\\n", "\n").trim().replace(/^["']+|["']+$/g, "");
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: text, ...(options.passphrase && { passphrase: options.passphrase }) });
    key.export({ format: "jwk" });
  } catch {
    throw new ConfigError("the PEM text is not a readable private key of type RSA, EC or Ed25519");
  }
  return new SigningKey(key, options);
}
