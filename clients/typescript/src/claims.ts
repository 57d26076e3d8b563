/** The claims of an access token whose signature has been verified (RFC 9068 section 4; the Maskinporten profile). */

import { InvalidToken } from "./access-errors.js";
import { AccessToken, FrozenSet, Organisation } from "./access-token.js";
import { readConfirmation } from "./confirmation.js";
import { isObject } from "./jose/json.js";
import type { JsonObject } from "./jose/json.js";
import type { Policy } from "./policy.js";

const AT_JWT = "at+jwt";
const MAX_TEXT = 1024;

/**
 * The token these verified claims make under `policy` at `now` (seconds since the Unix epoch).
 *
 * `typ` is the header's, which decides the profile: `at+jwt` must have `sub` and `aud`, the other need not. That a
 * token is bound is said in its `confirmation`, and is the caller's to prove.
 *
 * @throws InvalidToken
 */
export function checkClaims(claims: JsonObject, typ: string | null, policy: Policy, now: number): AccessToken {
  const issuer = text(claims, "iss");
  if (!policy.issuers.has(issuer)) throw new InvalidToken("the issuer is not accepted");
  const [issuedAt, expiresAt] = checkTimes(claims, policy, now);
  const audience = checkAudience(claims, typ, policy);
  const supplier = "supplier" in claims ? organisation(claims, "supplier") : undefined;
  return new AccessToken(
    {
      issuer,
      clientId: text(claims, "client_id"),
      consumer: organisation(claims, "consumer"),
      scopes: scopesOf(claims),
      issuedAt,
      expiresAt,
      jti: text(claims, "jti"),
      supplier,
      delegationSource: optionalText(claims, "delegation_source"),
      delegationChain: chainOf(claims, supplier),
      audience,
      clientAmr: optionalText(claims, "client_amr"),
      subject: typ === AT_JWT ? text(claims, "sub") : optionalText(claims, "sub"),
      confirmation: "cnf" in claims ? readConfirmation(claims["cnf"]) : undefined,
    },
    { pid: optionalText(claims, "pid"), authorizationDetails: detailsOf(claims), claims },
  );
}

/** The first second during which a token that was good once is good without asking the leeway, and the one after. */
export function holdsDuring(token: AccessToken, claims: JsonObject, policy: Policy): readonly [number, number] {
  const oldest = policy.maxAge === undefined ? Infinity : token.issuedAt + policy.maxAge;
  const notBefore = typeof claims["nbf"] === "number" ? claims["nbf"] : 0;
  return [Math.max(token.issuedAt, notBefore), Math.min(token.expiresAt, oldest)];
}

function checkTimes(claims: JsonObject, policy: Policy, now: number): readonly [number, number] {
  const issuedAt = seconds(claims, "iat");
  const expiresAt = seconds(claims, "exp");
  if (now >= expiresAt + policy.leeway) throw new InvalidToken("the token has expired", true);
  if (issuedAt > now + policy.leeway) throw new InvalidToken("the token was issued in the future");
  if (expiresAt <= issuedAt) throw new InvalidToken("the token expires before it was issued");
  if ("nbf" in claims && seconds(claims, "nbf") > now + policy.leeway) {
    throw new InvalidToken("the token is not valid yet");
  }
  if (policy.maxAge !== undefined && now - issuedAt > policy.maxAge + policy.leeway) {
    throw new InvalidToken("the token is older than this API accepts", true);
  }
  return [issuedAt, expiresAt];
}

function checkAudience(claims: JsonObject, typ: string | null, policy: Policy): readonly string[] {
  if (!("aud" in claims)) {
    if (typ === AT_JWT || !policy.acceptUnaddressed) throw new InvalidToken("the token names no audience");
    return [];
  }
  const value = claims["aud"];
  const audience: unknown[] = Array.isArray(value) ? [...value] : [value];
  if (!audience.length || !audience.every((item): item is string => typeof item === "string" && item !== "")) {
    throw new InvalidToken("the claim aud is malformed");
  }
  if (!audience.some((item) => policy.audience.has(item))) {
    throw new InvalidToken("the token is addressed to another API");
  }
  return audience;
}

function scopesOf(claims: JsonObject): ReadonlySet<string> {
  const value = "scope" in claims ? claims["scope"] : "";
  const names: unknown = typeof value === "string" ? value.split(/\s+/).filter(Boolean) : value;
  if (!Array.isArray(names) || !names.every((name) => typeof name === "string")) {
    throw new InvalidToken("the claim scope is malformed");
  }
  return FrozenSet.of(names as string[]);
}

/** Through whom the delegation went; it ends with the one that calls, or it is not this token's. */
function chainOf(claims: JsonObject, supplier: Organisation | undefined): readonly Organisation[] {
  if (!("delegation_chain" in claims)) return [];
  const links = claims["delegation_chain"];
  const chain = (Array.isArray(links) ? links : []).map((link) => Organisation.parse(link));
  const known = chain.filter((link) => link !== undefined);
  const distinct = new Set(known.map((link) => `${link.authority} ${link.id}`)).size;
  if (!known.length || known.length < chain.length || distinct < known.length || !known.at(-1)?.equals(supplier)) {
    throw new InvalidToken("the claim delegation_chain is malformed");
  }
  return known;
}

function organisation(claims: JsonObject, name: string): Organisation {
  const found = Organisation.parse(claims[name]);
  if (found === undefined) throw new InvalidToken(`the claim ${name} is missing or malformed`);
  return found;
}

function detailsOf(claims: JsonObject): readonly JsonObject[] {
  const value = "authorization_details" in claims ? claims["authorization_details"] : [];
  if (!Array.isArray(value) || !value.every(isObject)) {
    throw new InvalidToken("the claim authorization_details is malformed");
  }
  return value;
}

function seconds(claims: JsonObject, name: string): number {
  const value = claims[name];
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw new InvalidToken(`the claim ${name} is missing or not a whole number of seconds`);
  }
  return value;
}

function text(claims: JsonObject, name: string): string {
  const value = claims[name];
  if (typeof value !== "string" || !value || value.length > MAX_TEXT) {
    throw new InvalidToken(`the claim ${name} is missing or malformed`);
  }
  return value;
}

function optionalText(claims: JsonObject, name: string): string | undefined {
  return name in claims ? text(claims, name) : undefined;
}
