/** The signed assertion of a JWT bearer grant (RFC 7523 sections 2.1 and 3), made anew for every attempt. */

import { randomUUID } from "node:crypto";
import { MAX_LIFETIME } from "./config.js";
import type { ClientConfig } from "./config.js";
import { TillitError, Unavailable } from "./errors.js";
import { encode } from "./jose/base64url.js";
import type { TokenRequest } from "./token-request.js";

const GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/**
 * The form of a token request. `issuer` is the audience, as one string; `now` is in seconds since the Unix epoch.
 *
 * @throws Unavailable when the signer fails
 */
export async function signedForm(
  config: ClientConfig,
  issuer: string,
  request: TokenRequest,
  now: number,
): Promise<Record<string, string>> {
  const { signer, clientId, assertionLifetime = MAX_LIFETIME } = config;
  const iat = Math.floor(now);
  const claims = { iss: clientId, aud: issuer, iat, exp: iat + assertionLifetime, jti: randomUUID() };
  const header = { alg: signer.alg, typ: "JWT", ...signer.header() };
  const parts = [header, { ...claims, ...request.claims() }];
  const signingInput = parts.map((part) => encode(JSON.stringify(part))).join(".");
  try {
    const signature = await signer.sign(new TextEncoder().encode(signingInput));
    return { grant_type: GRANT_TYPE, assertion: `${signingInput}.${encode(signature)}` };
  } catch (error) {
    if (error instanceof TillitError) throw error;
    // Only the kind: what a key service says in its errors is not ours to repeat.
    throw new Unavailable(`the signer failed: ${error instanceof Error ? error.name : "failure"}`);
  }
}
