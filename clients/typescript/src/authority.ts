/** Where an authority's endpoints are, and how that is learnt (RFC 8414). */

import { ConfigError, MalformedResponse } from "./errors.js";
import { MalformedJose, readJsonObject } from "./jose/json.js";
import type { JsonObject } from "./jose/json.js";

const WELL_KNOWN = "/.well-known/oauth-authorization-server";
const OTHER_WELL_KNOWN = "/.well-known/openid-configuration";
/** The longest metadata read, in bytes. */
export const MAX_METADATA = 64 * 1024;

/** Endpoints that win over those in the metadata. */
export interface Endpoints {
  readonly tokenEndpoint?: string | undefined;
  readonly jwksUri?: string | undefined;
  /** Allow http beyond loopback addresses. */
  readonly allowHttp?: boolean | undefined;
}

/**
 * An authority whose endpoints are known.
 *
 * `issuer` is its identifier, to the letter: the audience of assertions and the `iss` of tokens. Addresses must be
 * https, or http on a loopback address, or `allowHttp` must be set.
 *
 * @throws ConfigError
 */
export class Authority {
  readonly tokenEndpoint: string | undefined;
  readonly jwksUri: string | undefined;

  constructor(
    readonly issuer: string,
    endpoints: Endpoints = {},
  ) {
    const allowHttp = endpoints.allowHttp ?? false;
    checkUrl(issuer, "issuer", allowHttp);
    this.tokenEndpoint = endpoints.tokenEndpoint;
    this.jwksUri = endpoints.jwksUri;
    if (this.tokenEndpoint !== undefined) checkUrl(this.tokenEndpoint, "token_endpoint", allowHttp);
    if (this.jwksUri !== undefined) checkUrl(this.jwksUri, "jwks_uri", allowHttp);
  }
}

/** An authority that is still to be looked up. */
export class Discovery {
  /** Use `Discovery.of` or `Discovery.at`, unless both address and issuer are known. */
  constructor(
    readonly metadataUrl: string,
    /** The spellings of the issuer that the metadata may bear: one, unless only the address is known. */
    readonly issuers: readonly string[],
    readonly endpoints: Endpoints = {},
  ) {
    checkUrl(metadataUrl, "metadata_url", endpoints.allowHttp);
  }

  /** The metadata address of `issuer`: the well-known part goes between host and path (RFC 8414 section 3). */
  static of(issuer: string, endpoints: Endpoints = {}): Discovery {
    const url = checkUrl(issuer, "issuer", endpoints.allowHttp);
    if (url.search) throw new ConfigError("the issuer must not have a query (RFC 8414 section 2)");
    return new Discovery(url.origin + WELL_KNOWN + url.pathname.replace(/\/+$/, ""), [issuer], endpoints);
  }

  /** The authority whose metadata is at `metadataUrl`; its issuer must be the address the URL is made from. */
  static at(metadataUrl: string, endpoints: Endpoints = {}): Discovery {
    const url = checkUrl(metadataUrl, "metadata_url", endpoints.allowHttp);
    for (const marker of [WELL_KNOWN, OTHER_WELL_KNOWN]) {
      const at = url.pathname.indexOf(marker);
      if (at < 0) continue;
      const path = url.pathname.slice(0, at) + url.pathname.slice(at + marker.length);
      const base = url.origin + path.replace(/\/+$/, "");
      return new Discovery(metadataUrl, [base, `${base}/`], endpoints);
    }
    throw new ConfigError(`the metadata address must contain ${WELL_KNOWN} or ${OTHER_WELL_KNOWN}`);
  }

  /**
   * The authority that the metadata `document` describes.
   *
   * @throws MalformedResponse if it is not metadata of this issuer (RFC 8414 section 3.3), or has a bad address
   */
  resolve(document: Uint8Array): Authority {
    try {
      const metadata = readJsonObject(document);
      const { issuer } = metadata;
      if (typeof issuer !== "string" || !this.issuers.includes(issuer)) {
        throw new MalformedResponse("the metadata names another issuer than the one configured");
      }
      return new Authority(issuer, {
        tokenEndpoint: this.endpoints.tokenEndpoint ?? text(metadata, "token_endpoint"),
        jwksUri: this.endpoints.jwksUri ?? text(metadata, "jwks_uri"),
        allowHttp: this.endpoints.allowHttp,
      });
    } catch (error) {
      if (!(error instanceof MalformedJose || error instanceof ConfigError)) throw error;
      throw new MalformedResponse(`the metadata is not usable: ${error.message}`);
    }
  }
}

function text(metadata: JsonObject, name: string): string | undefined {
  const value = metadata[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return value;
  throw new MalformedResponse(`the metadata is not usable: ${name} is not a string`);
}

/** `address` taken apart. Throws ConfigError unless it is https (or http on loopback) without user and fragment. */
export function checkUrl(address: string, name: string, allowHttp = false): URL {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    throw new ConfigError(`${name} is not a URL`);
  }
  if (!url.hostname || url.username || url.password || address.includes("#")) {
    throw new ConfigError(`${name} must be an absolute URL without user name and fragment`);
  }
  const secure = url.protocol === "https:" || (url.protocol === "http:" && (allowHttp || isLoopback(url.hostname)));
  if (!secure) {
    throw new ConfigError(`${name} must be https (http is for loopback addresses, or where allowHttp is set)`);
  }
  return url;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost") || host === "[::1]" || /^127(?:\.\d+){3}$/.test(host);
}
