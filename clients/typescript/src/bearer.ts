/** The bearer token in a request (RFC 6750 section 2.1). */

import { InvalidRequest, MissingToken } from "./access-errors.js";

const CREDENTIALS = /^bearer +([A-Za-z0-9._~+/-]+=*) *$/i;

/**
 * The token in the Authorization header lines of a request.
 *
 * Tokens in the query or the body are not looked for: both end up in logs (RFC 9700 section 4.3.2).
 *
 * @throws MissingToken when there are no bearer credentials, InvalidRequest when they are malformed or there are two
 */
export function bearerToken(authorization: readonly string[]): string {
  const [line, ...more] = authorization;
  if (line === undefined) throw new MissingToken("no Authorization header");
  if (more.length) throw new InvalidRequest("more than one Authorization header");
  const credentials = line.trim();
  if (credentials.split(" ", 1)[0]?.toLowerCase() !== "bearer") {
    throw new MissingToken("the credentials are not of the Bearer scheme");
  }
  const token = CREDENTIALS.exec(credentials)?.[1];
  if (token === undefined) throw new InvalidRequest("the bearer credentials are malformed");
  return token;
}
