/** DPoP for a client: a key of its own, and a fresh proof of it on every request (RFC 9449). */

import { generateKeyPairSync, randomUUID } from "node:crypto";
import type { KeyObject } from "node:crypto";
import type { Scheme } from "./access-errors.js";
import type { Clock } from "./clock.js";
import { accessTokenHash, DPOP_TYPE, MAX_NONCE } from "./dpop-proof.js";
import { ConfigError } from "./errors.js";
import { normalHtu, NotAnAddress } from "./htu.js";
import { encode } from "./jose/base64url.js";
import { readJwk, readPem, SigningKey } from "./jose/private-keys.js";
import { wantsNonce } from "./response.js";
import type { Token } from "./token.js";
import type { Reply } from "./transport.js";

const ORIGINS = 256;
const GENERATED: ReadonlyMap<string, () => KeyObject> = new Map([
  ["ES256", () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey],
  ["ES384", () => generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey],
  ["Ed25519", () => generateKeyPairSync("ed25519").privateKey],
]);

/** What a proof says beside its address. */
export interface ProofOptions {
  /** Seconds since the Unix epoch. */
  readonly now: number;
  /** The one that the server gave (sections 8 and 9). */
  readonly nonce?: string | undefined;
  /** The access token that the request brings; the proof then holds its hash. */
  readonly token?: string | undefined;
}

/**
 * A private key that tokens are bound to, and that never leaves this process. Not the client's signing key.
 *
 * One of its own for each client and process is the best: a token that is stolen without it is worth nothing.
 */
export class DpopKey {
  readonly #key: SigningKey;

  private constructor(key: SigningKey) {
    this.#key = key;
  }

  /** A new key for ES256, ES384 or Ed25519. Throws ConfigError for another algorithm. */
  static generate(alg = "ES256"): DpopKey {
    const make = GENERATED.get(alg);
    if (make === undefined) throw new ConfigError("a DPoP key is generated for ES256, ES384 or Ed25519");
    return new DpopKey(new SigningKey(make()));
  }

  /** The key in a private JWK. Throws ConfigError. */
  static fromJwk(jwk: object | string, alg?: string): DpopKey {
    return new DpopKey(readJwk(jwk, { alg }));
  }

  /** The key in a PEM text. Throws ConfigError. */
  static fromPem(pem: string, options: { readonly alg?: string; readonly passphrase?: string } = {}): DpopKey {
    return new DpopKey(readPem(pem, options));
  }

  /** The JOSE name of the algorithm. */
  get alg(): string {
    return this.#key.alg;
  }

  /** The RFC 7638 thumbprint of the public key, as it stands in the `cnf.jkt` of tokens. */
  get thumbprint(): string {
    return this.#key.thumbprint;
  }

  /**
   * A proof for one request (RFC 9449 section 4.2), never to be sent twice.
   *
   * @throws ConfigError for a `url` that is not an absolute http or https URL
   */
  async proof(method: string, url: string, options: ProofOptions): Promise<string> {
    const { now, nonce, token } = options;
    const claims = {
      jti: randomUUID(),
      htm: method,
      htu: addressOf(url),
      iat: Math.floor(now),
      ...(token !== undefined && { ath: accessTokenHash(token) }),
      ...(nonce !== undefined && { nonce }),
    };
    const header = { typ: DPOP_TYPE, alg: this.alg, jwk: this.#key.publicJwk };
    const signingInput = [header, claims].map((part) => encode(JSON.stringify(part))).join(".");
    return `${signingInput}.${encode(await this.#key.sign(new TextEncoder().encode(signingInput)))}`;
  }
}

/** Makes proofs with one key, and remembers the last nonce of each origin (RFC 9449 sections 8.2 and 9). */
export class Prover {
  readonly #clock: Clock;
  readonly #nonces = new Map<string, string>();

  constructor(
    readonly key: DpopKey,
    clock: Clock,
  ) {
    this.#clock = clock;
  }

  /** The headers of one request: `DPoP`, and `Authorization` when it brings a token. Throws ConfigError. */
  async headers(method: string, url: string, token?: Token): Promise<Record<string, string>> {
    const about = { now: this.#clock.time(), nonce: this.#nonces.get(originOf(url)), token: token?.value };
    const DPoP = await this.key.proof(method, url, about);
    return token === undefined ? { DPoP } : { Authorization: token.authorization, DPoP };
  }

  /** Remember the nonce in the `headers` of an answer from `url`; whether there is one. */
  learn(url: string, headers: Headers): boolean {
    const nonce = headers.get("dpop-nonce") ?? "";
    if (!/^[\x20-\x7e]+$/.test(nonce) || nonce.length > MAX_NONCE) return false;
    const origin = originOf(url);
    this.#nonces.delete(origin);
    for (const oldest of this.#nonces.keys()) {
      if (this.#nonces.size < ORIGINS) break;
      this.#nonces.delete(oldest);
    }
    this.#nonces.set(origin, nonce);
    return true;
  }
}

/** What DPoP adds to requests for tokens: nothing where there is no `prover`. */
export class GrantProofs {
  private constructor(
    readonly prover: Prover | undefined,
    /** The token types taken. */
    readonly kinds: readonly Scheme[],
  ) {}

  /** Those of one client. With `optional` a Bearer token is taken too, though it is bound to nothing. */
  static of(key: DpopKey | undefined, clock: Clock, optional: boolean): GrantProofs {
    if (key === undefined) return new GrantProofs(undefined, ["Bearer"]);
    return new GrantProofs(new Prover(key, clock), optional ? ["DPoP", "Bearer"] : ["DPoP"]);
  }

  /** `signer` and the key: a token is of no use without the key that it is bound to. */
  withKey(signer: string): string {
    return this.prover === undefined ? signer : `${signer} ${this.prover.key.thumbprint}`;
  }

  /** The proof for one request of a token. Throws ConfigError. */
  async headers(endpoint: string): Promise<Record<string, string>> {
    return this.prover === undefined ? {} : this.prover.headers("POST", endpoint);
  }

  /** Whether the same is to be asked once more, with the nonce that `reply` brought. */
  again(endpoint: string, reply: Reply): boolean {
    const learnt = this.prover?.learn(endpoint, reply.headers) ?? false;
    return learnt && wantsNonce(reply);
  }
}

function addressOf(url: string): string {
  try {
    return normalHtu(url);
  } catch (error) {
    if (!(error instanceof NotAnAddress)) throw error;
    throw new ConfigError(`no DPoP proof can be made for the URL: ${error.message}`);
  }
}

function originOf(url: string): string {
  return (/^[a-z]+:\/\/[^/?#]*/i.exec(url)?.[0] ?? "").toLowerCase();
}
