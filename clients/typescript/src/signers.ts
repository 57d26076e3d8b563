/**
 * Who signs an assertion: a key in memory, or a function that reaches a key nobody can read (KMS, HSM).
 *
 * A signer never shows key material: not to `util.inspect`, not in errors, not to the rest of the library.
 */

import { createHash, createPrivateKey } from "node:crypto";
import type { JsonWebKey, KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { importJWK } from "jose";
import type { JWK } from "jose";
import { ConfigError } from "./errors.js";
import { algorithmFor, canonicalName, KNOWN_ALGORITHMS, sign, UnsuitableKey } from "./jose/algorithms.js";
import { readJsonObject } from "./jose/json.js";
import type { JsonObject } from "./jose/json.js";
import { thumbprint } from "./jose/thumbprint.js";

/** Signs bytes under one algorithm. */
export interface Signer {
  /** The JOSE name of the algorithm. */
  readonly alg: string;
  /** A public text that differs between keys; part of the cache key, so that a new key gets a new token. */
  readonly thumbprint: string;
  /** The header members that tell the authority which key signed: `{ kid }`. */
  header(): Readonly<Record<string, unknown>>;
  /** The JWS signature of `data`. */
  sign(data: Uint8Array<ArrayBuffer>): Uint8Array | Promise<Uint8Array>;
}

/** What a key does not say of itself. */
export interface KeyOptions {
  /** The key's id at the authority; without it the JWK's `kid`, else the RFC 7638 thumbprint. */
  readonly kid?: string | undefined;
  /** The JOSE name of the algorithm; without it the JWK's `alg`, else the default of the key's type. */
  readonly alg?: string | undefined;
}

class LocalSigner implements Signer {
  readonly alg: string;
  readonly thumbprint: string;
  readonly #kid: string;
  readonly #jwk: JWK;
  #key: Promise<CryptoKey> | undefined;

  constructor(key: KeyObject, options: KeyOptions) {
    const jwk = key.export({ format: "jwk" }) as JsonObject;
    try {
      this.alg = algorithmFor(jwk, options.alg);
    } catch (error) {
      throw error instanceof UnsuitableKey ? new ConfigError(`the key cannot be used: ${error.message}`) : error;
    }
    this.thumbprint = thumbprint(jwk);
    this.#kid = options.kid ?? this.thumbprint;
    this.#jwk = jwk as unknown as JWK;
  }

  header(): Readonly<Record<string, unknown>> {
    return { kid: this.#kid };
  }

  async sign(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
    this.#key ??= importJWK(this.#jwk, this.alg) as Promise<CryptoKey>;
    return sign(this.alg, await this.#key, data);
  }
}

/** A signer from a private JWK, as an object or JSON text. Throws ConfigError if it cannot sign. */
export function fromJwk(jwk: object | string, options: KeyOptions = {}): Signer {
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
  return new LocalSigner(key, {
    kid: options.kid ?? (typeof kid === "string" && kid ? kid : undefined),
    alg: options.alg ?? alg,
  });
}

/** A signer from a private key in PEM; `\n` written as two characters is understood. Throws ConfigError. */
export function fromPem(pem: string, options: KeyOptions & { readonly passphrase?: string } = {}): Signer {
  const text = pem.replaceAll("\\r", "").replaceAll("\\n", "\n").trim().replace(/^["']+|["']+$/g, "");
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: text, ...(options.passphrase && { passphrase: options.passphrase }) });
    key.export({ format: "jwk" });
  } catch {
    throw new ConfigError("the PEM text is not a readable private key of type RSA, EC or Ed25519");
  }
  return new LocalSigner(key, options);
}

/** A signer from a JWK, base64 of a JWK, PEM, or the path of a file with one of these. Throws ConfigError. */
export function fromText(text: string, options: KeyOptions = {}): Signer {
  const found = fromInline(text, options);
  if (found !== undefined) return found;
  let content: string;
  try {
    content = readFileSync(text.trim(), "utf8");
  } catch {
    // What was meant as a key may have been taken for a path, so the error must not repeat it.
    throw new ConfigError("the key must be a JWK, base64 of a JWK, PEM text, or the path of a file with one of these");
  }
  const read = fromInline(content, options);
  if (read === undefined) throw new ConfigError("the file with the key holds neither a JWK nor PEM text");
  return read;
}

function fromInline(text: string, options: KeyOptions): Signer | undefined {
  const trimmed = text.trim();
  const decoded = Buffer.from(trimmed, "base64").toString("utf8").trimStart();
  for (const candidate of [trimmed, decoded]) {
    if (candidate.startsWith("{")) return fromJwk(candidate, options);
    if (candidate.includes("-----BEGIN")) return fromPem(candidate, options);
  }
  return undefined;
}

/**
 * A signer that calls `sign` with the bytes to sign; it returns the raw JWS signature (for ECDSA: R followed by S).
 *
 * @throws ConfigError for an unknown algorithm
 */
export function fromCallable(alg: string, kid: string, sign: Signer["sign"]): Signer {
  const name = canonicalName(alg);
  if (!KNOWN_ALGORITHMS.has(name)) {
    throw new ConfigError(`alg must be one of ${[...KNOWN_ALGORITHMS].sort().join(", ")}`);
  }
  if (!kid) throw new ConfigError("kid must be the id under which the key is registered");
  const print = createHash("sha256").update(`${name}\0${kid}`).digest("base64url");
  return { alg: name, thumbprint: print, header: () => ({ kid }), sign };
}
