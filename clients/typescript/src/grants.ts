/** Asking an authority for tokens, in the name of one configuration. */

import { signedForm } from "./assertion.js";
import { Discovery } from "./authority.js";
import type { Authority } from "./authority.js";
import type { Clock } from "./clock.js";
import { checkConfig } from "./config.js";
import type { ClientConfig } from "./config.js";
import { DpopKey, GrantProofs } from "./dpop.js";
import { ConfigError, Rejected, Unavailable } from "./errors.js";
import { correction } from "./hints.js";
import { MAX_RESPONSE, readReply } from "./response.js";
import type { Grant } from "./response.js";
import { cacheKey } from "./token-request.js";
import type { TokenRequest } from "./token-request.js";
import { fetchMetadata, send, Unreachable } from "./transport.js";
import type { Fetch, Reply } from "./transport.js";

const SAME_CLOCK = 3;

/** A grant and when it was asked for, in seconds on both clocks. */
export interface Granted {
  readonly grant: Grant;
  readonly monotonic: number;
  readonly wall: number;
}

interface Answered {
  readonly reply: Reply;
  readonly monotonic: number;
  readonly wall: number;
}

/** What the tokens of one client depend on, and how they are asked for. */
export class Grants {
  readonly proofs: GrantProofs;
  readonly #config: ClientConfig;
  readonly #clock: Clock;
  readonly #fetch: Fetch | undefined;
  readonly #address: string;
  #where: Authority | Discovery;
  #correction = 0;

  /** @throws ConfigError */
  constructor(config: ClientConfig, clock: Clock, fetch: Fetch | undefined) {
    const where = checkConfig(config);
    const key = config.dpop === true ? DpopKey.generate() : config.dpop || undefined;
    this.proofs = GrantProofs.of(key, clock, config.dpopOptional ?? false);
    this.#config = config;
    this.#clock = clock;
    this.#fetch = fetch;
    this.#where = where;
    // Not `#where`: that becomes an Authority once it is looked up, and the key must not change then.
    this.#address = where instanceof Discovery ? where.metadataUrl : `${where.issuer} ${where.tokenEndpoint}`;
  }

  /** What the token for `request` is kept under. */
  key(request: TokenRequest): string {
    const { clientId, signer } = this.#config;
    return cacheKey(request, {
      authority: this.#address,
      clientId,
      signer: this.proofs.withKey(signer.thumbprint),
    });
  }

  /**
   * One attempt of at most `within` seconds an exchange.
   *
   * @throws ConfigError, Rejected, Throttled, Unavailable or MalformedResponse
   */
  async ask(request: TokenRequest, within: number): Promise<Granted> {
    if (this.#where instanceof Discovery) this.#where = await fetchMetadata(this.#where, within, this.#fetch);
    const { issuer, tokenEndpoint } = this.#where;
    if (tokenEndpoint === undefined) throw new ConfigError("the authority's metadata names no token_endpoint");
    const exchange = () => this.#exchange(issuer, tokenEndpoint, request, within);
    let last = await exchange();
    if (this.proofs.again(tokenEndpoint, last.reply)) last = await exchange();
    try {
      return this.#read(last, request);
    } catch (error) {
      if (!(error instanceof Rejected) || !this.#corrected(error)) throw error;
    }
    return this.#read(await exchange(), request);
  }

  #read({ reply, ...started }: Answered, request: TokenRequest): Granted {
    return { grant: readReply(reply, request, this.#clock.time(), this.proofs.kinds), ...started };
  }

  /** Whether the authority's clock explains the refusal, and the next assertion is made by that clock. */
  #corrected(error: Rejected): boolean {
    const found = correction(error.mpCode, error.description, error.skew);
    // What is already made by that clock would be refused again.
    if (found === undefined || Math.abs(found - this.#correction) < SAME_CLOCK) return false;
    this.#correction = found;
    const off = `this machine's clock is ${found.toFixed(0)} s off the authority's; assertions follow the latter`;
    process.emitWarning(off, "TillitWarning");
    return true;
  }

  /** One request, with an assertion and a proof of its own: what was sent before is a replay (RFC 7523 section 3). */
  async #exchange(
    issuer: string,
    url: string,
    request: TokenRequest,
    within: number,
  ): Promise<Answered> {
    const form = await signedForm(this.#config, issuer, request, this.#clock.time() + this.#correction);
    const headers = await this.proofs.headers(url);
    const [monotonic, wall] = [this.#clock.monotonic(), this.#clock.time()];
    try {
      const reply = await send({ method: "POST", url, within, maxBytes: MAX_RESPONSE, form, headers }, this.#fetch);
      return { reply, monotonic, wall };
    } catch (error) {
      throw error instanceof Unreachable ? new Unavailable(`token endpoint: ${error.message}`) : error;
    }
  }
}
