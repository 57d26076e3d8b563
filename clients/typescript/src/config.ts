/** The settings of a token client, in code or from the environment. */

import { Authority, Discovery } from "./authority.js";
import type { DpopKey } from "./dpop.js";
import { ConfigError } from "./errors.js";
import { fromText } from "./signers.js";
import type { Signer } from "./signers.js";
import { TokenRequest } from "./token-request.js";

/** The longest life of an assertion, in seconds. */
export const MAX_LIFETIME = 120;
const PREFIX = "TILLIT_";
const FALLBACK_PREFIX = "MASKINPORTEN_";
const ENVIRONMENTS: ReadonlyMap<string, string> = new Map([
  ["prod", "https://maskinporten.no/"],
  ["test", "https://test.maskinporten.no/"],
]);
const TRUE = ["1", "true", "yes"];
const FALSE = ["0", "false", "no"];

/** Who asks, whom, and with which key. */
export interface ClientConfig {
  /** An Authority, a Discovery, or the issuer, which is then looked up at first use. */
  readonly authority: Authority | Discovery | string;
  /** `iss` of the assertions. */
  readonly clientId: string;
  readonly signer: Signer;
  /** Asked for when a call names no scopes. */
  readonly defaultScopes?: readonly string[] | undefined;
  /** For calls that name scopes only. */
  readonly consumerOrg?: string | undefined;
  /** For calls that name scopes only. */
  readonly resource?: string | undefined;
  /** Seconds, 10 to 120; 120 by default. */
  readonly assertionLifetime?: number | undefined;
  /** The key that tokens are bound to (RFC 9449); true for a new one of ES256, which this client makes for itself. */
  readonly dpop?: DpopKey | boolean | undefined;
  /** Take a bearer token too where the authority answers with one, though it is bound to nothing. */
  readonly dpopOptional?: boolean | undefined;
}

/** The authority of a configuration that can work. Throws ConfigError. */
export function checkConfig(config: ClientConfig): Authority | Discovery {
  if (!config.clientId) throw new ConfigError("clientId must not be empty");
  const lifetime = config.assertionLifetime ?? MAX_LIFETIME;
  if (!(lifetime >= 10 && lifetime <= MAX_LIFETIME)) {
    throw new ConfigError(`assertionLifetime must be 10 to ${MAX_LIFETIME} seconds`);
  }
  const where = typeof config.authority === "string" ? Discovery.of(config.authority) : config.authority;
  if (where instanceof Authority && where.tokenEndpoint === undefined) {
    throw new ConfigError("the authority has no token_endpoint");
  }
  // A bad default is a fault of the configuration: say so now, not at the first call.
  new TokenRequest(config.defaultScopes?.length ? config.defaultScopes : "x", config);
  return where;
}

/**
 * The settings in `environment`, under `prefix`; without one, `TILLIT_`, else `MASKINPORTEN_`, never mixed.
 *
 * `CLIENT_ID`; one of `CLIENT_JWK`, `PRIVATE_KEY` and `PRIVATE_KEY_PATH`, each in any form `fromText` reads, with
 * `KID` where the key does not bear it; one of `WELL_KNOWN_URL`, `ISSUER`, `ISSUER` with `TOKEN_ENDPOINT`, and
 * `ENVIRONMENT` (`prod` or `test` of Maskinporten);
 * optionally `SCOPES`, `CONSUMER_ORG`, `RESOURCE`, `JWKS_URI` and `ALLOW_HTTP`; `DPOP` at `true` for a key to bind
 * tokens to, which the client makes for itself. With `ENABLED` at `false` nothing else is read, and ConfigError says
 * that it is off.
 *
 * @throws ConfigError with all faults at once, naming variables and never values
 */
export function configFromEnv(
  prefix?: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): ClientConfig {
  // One family or the other: an id from the first with a key from the second would be a client nobody registered.
  const family = prefix ?? (own(environment, PREFIX) || !own(environment, FALLBACK_PREFIX) ? PREFIX : FALLBACK_PREFIX);
  const faults: string[] = [];
  const get = (name: string): string | undefined => environment[family + name]?.trim() || undefined;
  const tried = <T>(name: string, make: () => T): T | undefined => {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      faults.push(`${family}${name}: ${error.message}`);
      return undefined;
    }
  };
  if (tried("ENABLED", () => flagOf(get("ENABLED") ?? "true")) === false) {
    throw new ConfigError(`${family}ENABLED is false: no client is to be made from these settings`);
  }
  const clientId = get("CLIENT_ID");
  if (clientId === undefined) faults.push(`${family}CLIENT_ID is not set`);
  const signer = signerOf(get, tried, faults, family);
  const allowHttp = tried("ALLOW_HTTP", () => flagOf(get("ALLOW_HTTP"))) ?? false;
  const authority = tried("*", () => authorityOf(get, family, allowHttp));
  const dpop = tried("DPOP", () => flagOf(get("DPOP")));
  if (faults.length || clientId === undefined || signer === undefined || authority === undefined) {
    throw new ConfigError(faults.join("; "));
  }
  const defaultScopes = (get("SCOPES") ?? get("SCOPE"))?.split(/\s+/);
  const [consumerOrg, resource] = [get("CONSUMER_ORG"), get("RESOURCE")];
  return { authority, clientId, signer, defaultScopes, consumerOrg, resource, dpop };
}

/** Throws ConfigError for what is neither true nor false: taken for false, it would be a surprise. */
function flagOf(text: string | undefined): boolean {
  const value = (text ?? "false").toLowerCase();
  if (TRUE.includes(value)) return true;
  if (FALSE.includes(value)) return false;
  throw new ConfigError("must be true or false");
}

function own(environment: Readonly<Record<string, string | undefined>>, prefix: string): boolean {
  const names = ["CLIENT_ID", "CLIENT_JWK", "PRIVATE_KEY", "PRIVATE_KEY_PATH", "ISSUER", "WELL_KNOWN_URL", "KID"];
  const more = ["SCOPES", "SCOPE", "CONSUMER_ORG", "RESOURCE", "TOKEN_ENDPOINT", "JWKS_URI", "ALLOW_HTTP"];
  return [...names, ...more, "ENVIRONMENT", "DPOP", "ENABLED"].some((name) => environment[prefix + name]);
}

type Get = (name: string) => string | undefined;
type Tried = <T>(name: string, make: () => T) => T | undefined;

function signerOf(get: Get, tried: Tried, faults: string[], family: string): Signer | undefined {
  for (const name of ["CLIENT_JWK", "PRIVATE_KEY", "PRIVATE_KEY_PATH"]) {
    const text = get(name);
    if (text !== undefined) return tried(name, () => fromText(text, { kid: get("KID") }));
  }
  faults.push(`${family}CLIENT_JWK (or PRIVATE_KEY, or PRIVATE_KEY_PATH) is not set`);
  return undefined;
}

function authorityOf(get: Get, family: string, allowHttp: boolean): Authority | Discovery {
  const address = get("WELL_KNOWN_URL");
  const issuer = get("ISSUER") ?? (address === undefined ? environmentOf(get("ENVIRONMENT")) : undefined);
  const endpoints = { tokenEndpoint: get("TOKEN_ENDPOINT"), jwksUri: get("JWKS_URI"), allowHttp };
  if (issuer && endpoints.tokenEndpoint) return new Authority(issuer, endpoints);
  if (issuer && address) return new Discovery(address, [issuer], endpoints);
  if (issuer) return Discovery.of(issuer, endpoints);
  if (address) return Discovery.at(address, endpoints);
  // A token endpoint alone says where to send, not to whom: whoever runs it could forward the assertion.
  throw new ConfigError(`${family}WELL_KNOWN_URL, ${family}ISSUER or ENVIRONMENT is not set`);
}

function environmentOf(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  const issuer = ENVIRONMENTS.get(name.toLowerCase());
  if (issuer === undefined) throw new ConfigError(`ENVIRONMENT must be one of ${[...ENVIRONMENTS.keys()].join(", ")}`);
  return issuer;
}
