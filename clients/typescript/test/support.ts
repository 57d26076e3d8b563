/** What the tests share: the vectors, a clock that is set by hand, and an authority on loopback. */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { deflateSync } from "node:zlib";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import type { JWK } from "jose";
import { AccessError, JwksSource } from "../src/index.js";
import type { Clock } from "../src/index.js";

/** The epoch second in which the tests take place. */
export const NOW = 1_800_000_000;

/** One of the shared vector files. */
export function load<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../../vectors/${name}`, import.meta.url), "utf8")) as T;
}

/** Keys that need no network. */
export function keysOf(jwks: unknown, clock: Clock): JwksSource {
  const fetch = () => Promise.resolve(Response.json(jwks));
  return new JwksSource("https://authority.example.no/jwk", { fetch, clock });
}

/** Both clocks at `time`, which tests set. */
export class ManualClock implements Clock {
  constructor(public now = NOW) {}

  time(): number {
    return this.now;
  }

  monotonic(): number {
    return this.now;
  }
}

/** `ok`, or the code of the refusal. */
export async function verdictOf(judged: Promise<unknown>): Promise<string> {
  try {
    await judged;
  } catch (error) {
    if (error instanceof AccessError) return error.code;
    throw error;
  }
  return "ok";
}

/** A server on loopback until the test ends: its address, with a slash at the end. */
export async function serving(
  test: { after: (done: () => void) => void },
  listener: RequestListener,
): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  test.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Signs what an authority signs, with a key of its own. */
export class Issuing {
  private constructor(
    readonly key: CryptoKey,
    readonly jwk: JWK,
  ) {}

  static async start(): Promise<Issuing> {
    const { publicKey, privateKey } = await generateKeyPair("ES256");
    return new Issuing(privateKey, { ...(await exportJWK(publicKey)), kid: "k", alg: "ES256", use: "sig" });
  }

  /** A JWT with these claims. */
  signed(typ: string, claims: Record<string, unknown>): Promise<string> {
    return new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid: "k", typ }).sign(this.key);
  }

  /** An access token for the API at `audience`, with `more` claims. */
  token(issuer: string, audience: string, more: Record<string, unknown> = {}): Promise<string> {
    const consumer = { authority: "iso6523-actorid-upis", ID: "0192:991825827" };
    const about = { iss: issuer, aud: audience, sub: "s", client_id: "c", consumer, scope: "x:read", jti: "j" };
    return this.signed("at+jwt", { ...about, iat: NOW, exp: NOW + 600, ...more });
  }

  /** The status list at `uri` with one bit an entry, packed as in `bytes`. */
  statusList(uri: string, bytes: Uint8Array, more: Record<string, unknown> = {}): Promise<string> {
    const lst = deflateSync(bytes).toString("base64url");
    const claims = { sub: uri, iat: NOW, ttl: 60, status_list: { bits: 1, lst } };
    return this.signed("statuslist+jwt", { ...claims, ...more });
  }
}
