/**
 * Who signs an assertion: a key in memory, or a function that reaches a key nobody can read (KMS, HSM).
 *
 * A signer never shows key material: not to `util.inspect`, not in errors, not to the rest of the library.
 */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { ConfigError } from "./errors.js";
import { canonicalName, KNOWN_ALGORITHMS } from "./jose/algorithms.js";
import { readJwk, readPem } from "./jose/private-keys.js";
import type { KeyOptions, SigningKey } from "./jose/private-keys.js";

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

class LocalSigner implements Signer {
  readonly alg: string;
  readonly thumbprint: string;
  readonly #key: SigningKey;

  constructor(key: SigningKey) {
    this.alg = key.alg;
    this.thumbprint = key.thumbprint;
    this.#key = key;
  }

  header(): Readonly<Record<string, unknown>> {
    return { kid: this.#key.kid ?? this.thumbprint };
  }

  sign(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
    return this.#key.sign(data);
  }
}

/** A signer from a private JWK, as an object or JSON text. Throws ConfigError if it cannot sign. */
export function fromJwk(jwk: object | string, options: KeyOptions = {}): Signer {
  return new LocalSigner(readJwk(jwk, options));
}

/** A signer from a private key in PEM; `\n` written as two characters is understood. Throws ConfigError. */
export function fromPem(pem: string, options: KeyOptions & { readonly passphrase?: string } = {}): Signer {
  return new LocalSigner(readPem(pem, options));
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
  const thumbprint = createHash("sha256").update(`${name}\0${kid}`).digest("base64url");
  return { alg: name, thumbprint, header: () => ({ kid }), sign };
}
