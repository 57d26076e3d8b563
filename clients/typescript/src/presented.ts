/** What a request shows an API: the access token, and whatever proves that the sender may use it. */

import { InvalidRequest, MissingToken } from "./access-errors.js";
import type { Scheme } from "./access-errors.js";

const SCHEMES: ReadonlyMap<string, Scheme> = new Map([
  ["bearer", "Bearer"],
  ["dpop", "DPoP"],
]);
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

/** What comes beside a token. */
export interface PresentedOptions {
  /** The method of the request. */
  readonly method?: string | undefined;
  /** Its URL, of which the path alone is believed: scheme and host are what the sender says. */
  readonly url?: string | undefined;
  /** The lines of the DPoP header. */
  readonly dpop?: readonly string[] | undefined;
  /**
   * The certificate (DER) that the TLS connection proved (RFC 8705 section 3); only one that no client can have written
   * by itself.
   */
  readonly clientCertificate?: Uint8Array | undefined;
}

/** A token and its proofs as plain data, for any framework to fill in. No inspection shows them. */
export class Presented {
  readonly method: string;
  readonly url: string;
  readonly #token: string;
  readonly #beside: PresentedOptions;

  constructor(
    readonly scheme: Scheme,
    token: string,
    beside: PresentedOptions = {},
  ) {
    this.method = beside.method ?? "";
    this.url = beside.url ?? "";
    this.#token = token;
    this.#beside = beside;
  }

  /**
   * What the lines of the Authorization and DPoP headers present (RFC 6750 section 2.1, RFC 9449 section 7.1).
   *
   * Tokens in the query or the body are not looked for: both end up in logs (RFC 9700 section 4.3.2).
   *
   * @throws MissingToken when no token came, InvalidRequest when it is malformed or there are two
   */
  static read(authorization: readonly string[], beside: PresentedOptions = {}): Presented {
    const [line, ...more] = authorization;
    if (line === undefined) throw new MissingToken("no Authorization header");
    if (more.length) throw new InvalidRequest("more than one Authorization header");
    const [, name = "", rest = ""] = /^([^ ]*) *(.*)$/s.exec(line.trim()) ?? [];
    const scheme = SCHEMES.get(name.toLowerCase());
    if (scheme === undefined) {
      throw new MissingToken("the credentials are neither of the Bearer nor of the DPoP scheme");
    }
    if (!TOKEN.test(rest)) throw new InvalidRequest("the credentials are malformed");
    return new Presented(scheme, rest, beside);
  }

  /** The access token. */
  get token(): string {
    return this.#token;
  }

  /** The lines of the DPoP header. */
  get dpop(): readonly string[] {
    return this.#beside.dpop ?? [];
  }

  /** The certificate (DER) that the connection proved. */
  get clientCertificate(): Uint8Array | undefined {
    return this.#beside.clientCertificate;
  }
}
