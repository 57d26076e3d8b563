/** DPoP proofs as a server reads them (RFC 9449 section 4.3). */

import { createHash } from "node:crypto";
import { InvalidProof } from "./access-errors.js";
import { normalHtu, NotAnAddress } from "./htu.js";
import { canonicalName, UnsuitableKey, verify } from "./jose/algorithms.js";
import { decode } from "./jose/base64url.js";
import { threeParts, typeOf } from "./jose/compact.js";
import { isObject, MalformedJose, readJsonObject } from "./jose/json.js";
import type { JsonObject } from "./jose/json.js";
import { readPublicJwk } from "./jose/public-keys.js";
import { thumbprint } from "./jose/thumbprint.js";

/** The `typ` of a proof. */
export const DPOP_TYPE = "dpop+jwt";
const MAX_PROOF = 8 * 1024;
const MAX_JTI = 256;
/** The longest nonce read. */
export const MAX_NONCE = 512;
const MAX_HEADERS = 1024;
// Header members that would change how the rest is read, or bring a second key beside `jwk`.
const FORBIDDEN = ["crit", "b64", "zip", "enc", "jku", "x5u", "x5c"];

/** A proof whose signature was verified with the key it holds. */
export interface DpopProof {
  /** The RFC 7638 thumbprint of the key. */
  readonly thumbprint: string;
  readonly jti: string;
  readonly htm: string;
  /** Normalised. */
  readonly htu: string;
  /** Seconds since the Unix epoch. */
  readonly issuedAt: number;
  readonly ath: string | undefined;
  readonly nonce: string | undefined;
  /** A value that a proof shares with no other: of its key and its `jti`. */
  readonly digest: string;
}

interface ProofHeader {
  readonly alg: string;
  readonly key: CryptoKey;
  readonly thumbprint: string;
}

/** The `ath` of an access token (RFC 9449 section 4.2). */
export function accessTokenHash(token: string): string {
  return sha256(token, "base64url");
}

/** The one DPoP header of a request (check 1). Throws InvalidProof. */
export function theProof(lines: readonly string[]): string {
  const [line, ...more] = lines;
  if (line === undefined) throw new InvalidProof("there is no DPoP header");
  if (more.length) throw new InvalidProof("there is more than one DPoP header");
  return line.replace(/^ +| +$/g, "");
}

/** Reads proofs signed under one of the `accepted` algorithms. */
export class ProofReader {
  // A client sends the same header with each proof, to the letter. Neither errors nor verdicts are kept, only keys.
  readonly #headers = new Map<string, ProofHeader>();

  constructor(readonly accepted: ReadonlySet<string>) {}

  /**
   * The proof in `text`, signed by the key in its own header.
   *
   * Checks 2 to 7: one JWT, its members, `typ`, `alg`, signature, and no private key.
   *
   * @throws InvalidProof
   */
  async read(text: string): Promise<DpopProof> {
    try {
      const [first, second, third] = threeParts(text, MAX_PROOF);
      const header = await this.#header(first);
      const [claims, signature] = [readJsonObject(decode(second)), decode(third)];
      if (!this.accepted.has(header.alg)) throw new InvalidProof("the algorithm of the DPoP proof is not accepted");
      if (!(await verify(header.alg, header.key, new TextEncoder().encode(`${first}.${second}`), signature))) {
        throw new InvalidProof("the signature of the DPoP proof is not valid");
      }
      return proofOf(claims, header.thumbprint);
    } catch (error) {
      if (!(error instanceof MalformedJose || error instanceof UnsuitableKey)) throw error;
      throw new InvalidProof(`the DPoP proof: ${error.message}`);
    }
  }

  async #header(segment: string): Promise<ProofHeader> {
    const known = this.#headers.get(segment);
    const header = known ?? (await readHeader(segment));
    this.#headers.delete(segment);
    this.#headers.set(segment, header);
    for (const oldest of this.#headers.keys()) {
      if (this.#headers.size <= MAX_HEADERS) break;
      this.#headers.delete(oldest);
    }
    return header;
  }
}

async function readHeader(segment: string): Promise<ProofHeader> {
  const header = readJsonObject(decode(segment));
  for (const name of FORBIDDEN) {
    if (name in header) throw new MalformedJose(`the header member ${name} is not allowed`);
  }
  const { alg, jwk } = header;
  if (typeOf(header) !== DPOP_TYPE) throw new MalformedJose("the header member typ is not dpop+jwt");
  if (typeof alg !== "string" || !isObject(jwk)) throw new MalformedJose("the header has no alg or no jwk");
  const name = canonicalName(alg);
  if ("alg" in jwk && (typeof jwk["alg"] !== "string" || canonicalName(jwk["alg"]) !== name)) {
    throw new MalformedJose("the key is for another algorithm");
  }
  // A proof's key needs no kid, and it has the one algorithm that the header says.
  const { key } = await readPublicJwk({ ...jwk, kid: "proof", alg: name });
  // Of the key that was imported: a JWK may be written in more than one way.
  const exported = (await crypto.subtle.exportKey("jwk", key)) as JsonObject;
  return { alg: name, key, thumbprint: thumbprint(exported) };
}

function proofOf(claims: JsonObject, printOfKey: string): DpopProof {
  const issuedAt = claims["iat"];
  if (typeof issuedAt !== "number" || !Number.isSafeInteger(issuedAt) || issuedAt < 0) {
    throw new InvalidProof("the claim iat of the DPoP proof is missing or not a whole number of seconds");
  }
  const jti = text(claims, "jti", MAX_JTI);
  return {
    thumbprint: printOfKey,
    jti,
    htm: text(claims, "htm", 64),
    htu: addressIn(claims),
    issuedAt,
    ath: "ath" in claims ? text(claims, "ath", 64) : undefined,
    nonce: "nonce" in claims ? text(claims, "nonce", MAX_NONCE) : undefined,
    digest: sha256(`${printOfKey}.${jti}`, "base64"),
  };
}

function addressIn(claims: JsonObject): string {
  try {
    return normalHtu(text(claims, "htu", MAX_PROOF));
  } catch (error) {
    if (!(error instanceof NotAnAddress)) throw error;
    throw new InvalidProof(`the claim htu of the DPoP proof: ${error.message}`);
  }
}

function text(claims: JsonObject, name: string, most: number): string {
  const value = claims[name];
  if (typeof value !== "string" || !value || value.length > most) {
    throw new InvalidProof(`the claim ${name} of the DPoP proof is missing or malformed`);
  }
  return value;
}

function sha256(data: string, as: "base64" | "base64url"): string {
  return createHash("sha256").update(data, "utf8").digest(as);
}
