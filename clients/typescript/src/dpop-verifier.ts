/** DPoP at an API: whether a request was sent by whoever holds the key that its token is bound to (RFC 9449). */

import { timingSafeEqual } from "node:crypto";
import { InvalidProof, InvalidToken, NonceWanted } from "./access-errors.js";
import type { DpopNonces } from "./dpop-nonces.js";
import { accessTokenHash, ProofReader, theProof } from "./dpop-proof.js";
import type { DpopProof } from "./dpop-proof.js";
import { ConfigError } from "./errors.js";
import { normalHtu, normalPath, NotAnAddress } from "./htu.js";
import { KNOWN_ALGORITHMS } from "./jose/algorithms.js";
import type { Presented } from "./presented.js";
import { RecentProofs } from "./proof-memory.js";
import type { ProofMemory } from "./proof-memory.js";

const DPOP_ALGORITHMS: readonly string[] = ["ES256", "ES384", "Ed25519", "PS256", "RS256"];
const TARGET = /^(?:[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#]*)?(\/[^?#]*)?(?:[?#]|$)/;

/** How proofs are judged. Times in seconds. */
export interface DpopOptions {
  /** JOSE names. */
  readonly algorithms?: Iterable<string> | undefined;
  /** For how long after its `iat` a proof is good: 60 by default, and at most 3600. */
  readonly maxAge?: number | undefined;
  /** How far clocks may be apart: 0 to 300, 10 by default. */
  readonly leeway?: number | undefined;
  /** Where used proofs are remembered: this process by default. */
  readonly memory?: ProofMemory | undefined;
  /** Each proof must hold one of these. */
  readonly nonces?: DpopNonces | undefined;
  /** Refuse tokens that are not bound to a key. */
  readonly required?: boolean | undefined;
}

/**
 * Checks DPoP proofs for one API.
 *
 * `baseUrls` is where clients reach the API, as `https://api.example.no` or with the part of the path that a proxy
 * takes away: the host that a request names is its sender's word, and nothing is believed of it. A proof is good from
 * `leeway` seconds before its `iat` until `maxAge` after.
 */
export class DpopVerifier {
  readonly algorithms: readonly string[];
  readonly required: boolean;
  readonly #bases: readonly string[];
  readonly #reader: ProofReader;
  readonly #maxAge: number;
  readonly #leeway: number;
  readonly #memory: ProofMemory;
  readonly #nonces: DpopNonces | undefined;

  /** @throws ConfigError */
  constructor(baseUrls: string | Iterable<string>, options: DpopOptions = {}) {
    const { maxAge = 60, leeway = 10 } = options;
    this.#bases = (typeof baseUrls === "string" ? [baseUrls] : [...baseUrls]).map(base);
    const accepted = new Set(options.algorithms ?? DPOP_ALGORITHMS);
    this.algorithms = [...accepted];
    this.required = options.required ?? false;
    this.#reader = new ProofReader(accepted);
    this.#maxAge = maxAge;
    this.#leeway = leeway;
    this.#memory = options.memory ?? new RecentProofs();
    this.#nonces = options.nonces;
    if (!this.#bases.length) throw new ConfigError("name at least one base URL");
    if (!accepted.size || !this.algorithms.every((name) => KNOWN_ALGORITHMS.has(name))) {
      throw new ConfigError(`algorithms must be among ${[...KNOWN_ALGORITHMS].sort().join(", ")}`);
    }
    if (!(maxAge > 0 && maxAge <= 3600 && leeway >= 0 && leeway <= 300)) {
      throw new ConfigError("maxAge must be 1 to 3600 seconds, leeway 0 to 300");
    }
  }

  /**
   * Whether the key with thumbprint `jkt` signed for this request at `now` (seconds since the Unix epoch).
   *
   * Checks 1 to 12 of RFC 9449 section 4.3. A proof counts as used only when all else is right with it.
   *
   * @throws InvalidProof, NonceWanted, or InvalidToken when the token is bound to another key
   */
  async verify(presented: Presented, jkt: string, now: number): Promise<void> {
    const proof = await this.#reader.read(theProof(presented.dpop));
    if (proof.htm !== presented.method) throw new InvalidProof("the DPoP proof is for another method");
    if (!this.#addresses(presented.url).includes(proof.htu)) {
      throw new InvalidProof("the DPoP proof is for another address");
    }
    this.#checkNonce(proof, now);
    const horizon = now - this.#maxAge - this.#leeway;
    if (!(horizon <= proof.issuedAt && proof.issuedAt <= now + this.#leeway)) {
      throw new InvalidProof("the DPoP proof is too old, or from the future");
    }
    if (proof.ath === undefined || !same(proof.ath, accessTokenHash(presented.token))) {
      throw new InvalidProof("the DPoP proof is for another access token");
    }
    if (!same(proof.thumbprint, jkt)) {
      throw new InvalidToken("the token is bound to another key than the proof's");
    }
    if (!(await this.#memory.firstUse(proof.digest, proof.issuedAt, now, horizon))) {
      throw new InvalidProof("the DPoP proof was used before");
    }
  }

  #addresses(url: string): readonly string[] {
    // Not by `URL`, which repairs what it is given.
    const target = TARGET.exec(url);
    try {
      if (target === null) throw new NotAnAddress("neither a path nor an address");
      const path = normalPath(target[1] ?? "");
      return this.#bases.map((base) => base + path);
    } catch (error) {
      if (!(error instanceof NotAnAddress)) throw error;
      throw new InvalidProof("the address of the request cannot be told");
    }
  }

  #checkNonce(proof: DpopProof, now: number): void {
    if (this.#nonces === undefined || (proof.nonce !== undefined && this.#nonces.holds(proof.nonce, now))) return;
    throw new NonceWanted(
      "the DPoP proof holds no nonce, or not one that is good now",
      this.#nonces.make(now),
    );
  }
}

function base(url: string): string {
  try {
    return normalHtu(url).replace(/\/$/, "");
  } catch (error) {
    throw error instanceof NotAnAddress ? new ConfigError(`a base URL: ${error.message}`) : error;
  }
}

function same(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
