/** The keys of an authority, fetched and kept (RFC 7517). */

import { Authority, checkUrl, Discovery } from "./authority.js";
import { systemClock } from "./clock.js";
import type { Clock } from "./clock.js";
import { ConfigError, TillitError } from "./errors.js";
import { MalformedJose } from "./jose/json.js";
import { readJwks } from "./jose/public-keys.js";
import { JWKS_LIMITS, JwksCache } from "./jwks-cache.js";
import type { JwksLimits } from "./jwks-cache.js";
import { fetchMetadata, send, Unreachable } from "./transport.js";
import type { Fetch, Reply } from "./transport.js";

const MAX_AGE = /(?:^|[\s,])max-age=([0-9]{1,8})(?:[\s,]|$)/i;

/** For readiness probes. */
export interface JwksStatus {
  /** How many keys are known. */
  readonly keys: number;
  /** Their age in seconds. */
  readonly age: number | undefined;
  /** What went wrong last, if anything. */
  readonly lastError: string | undefined;
  /** Why other keys were passed over. */
  readonly skipped: readonly string[];
}

/** How a source of keys is set up. */
export interface JwksOptions {
  readonly limits?: Partial<JwksLimits>;
  readonly fetch?: Fetch | undefined;
  readonly clock?: Clock | undefined;
}

/** The keys of one authority. Give the address of the keys, or an authority, or its issuer's Discovery. */
export class JwksSource {
  readonly #discovery: Discovery | undefined;
  readonly #cache: JwksCache;
  readonly #clock: Clock;
  readonly #fetch: Fetch | undefined;
  #uri: string | undefined;
  #flight: Promise<void> | undefined;

  /** @throws ConfigError */
  constructor(source: string | Authority | Discovery, options: JwksOptions = {}) {
    this.#discovery = source instanceof Discovery ? source : undefined;
    this.#uri = uriOf(source);
    this.#cache = new JwksCache({ ...JWKS_LIMITS, ...options.limits });
    this.#clock = options.clock ?? systemClock;
    this.#fetch = options.fetch;
  }

  /** The keys of `issuer`, whose metadata is looked up at first use. Throws ConfigError. */
  static forIssuer(
    issuer: string,
    options: JwksOptions & { readonly allowHttp?: boolean | undefined } = {},
  ): JwksSource {
    return new JwksSource(Discovery.of(issuer, { allowHttp: options.allowHttp }), options);
  }

  /** The key `kid` bound to `alg`; may wait for a fetch. Throws InvalidToken or KeysUnavailable. */
  async key(kid: string, alg: string): Promise<CryptoKey> {
    const plan = this.#cache.plan(kid, this.#clock.monotonic());
    if (plan !== "answer") {
      const flight = this.warm();
      if (plan === "fetch") {
        await flight;
        this.#cache.noteAbsent(kid, this.#clock.monotonic());
      }
    }
    return this.#cache.answer(kid, alg, this.#clock.monotonic());
  }

  /** Fetch the keys now, unless that was done a moment ago. Never throws for an authority that is away. */
  async warm(): Promise<JwksStatus> {
    // Whoever comes while a fetch is under way waits for that one.
    this.#flight ??= this.#renew().finally(() => {
      this.#flight = undefined;
    });
    await this.#flight;
    return this.status();
  }

  /** Fetch the keys now, whatever was done a moment ago: for whoever knows they changed. Never throws. */
  async refresh(): Promise<JwksStatus> {
    this.#cache.askAgain();
    return this.warm();
  }

  /** What is known, without asking anybody. */
  status(): JwksStatus {
    const { keys, lastError } = this.#cache;
    const age = keys === undefined ? undefined : this.#clock.monotonic() - this.#cache.fetchedAt;
    return { keys: keys?.keys.length ?? 0, age, lastError, skipped: keys?.skipped ?? [] };
  }

  async #renew(): Promise<void> {
    if (!this.#cache.mayFetch(this.#clock.monotonic())) return;
    const { timeout, maxBytes } = this.#cache.limits;
    try {
      if (this.#uri === undefined && this.#discovery !== undefined) {
        this.#uri = uriOf(await fetchMetadata(this.#discovery, timeout, this.#fetch));
      }
      const headers = this.#validators();
      await this.#file(
        await send({ method: "GET", url: this.#uri as string, within: timeout, maxBytes, headers }, this.#fetch),
      );
    } catch (error) {
      if (!(error instanceof TillitError || error instanceof MalformedJose)) throw error;
      if (this.#discovery !== undefined) this.#uri = uriOf(this.#discovery); // its keys may have moved; look again
      this.#cache.failed(error.message, this.#clock.monotonic());
    }
  }

  #validators(): Record<string, string> {
    return this.#cache.etag && this.#cache.keys ? { "If-None-Match": this.#cache.etag } : {};
  }

  async #file(reply: Reply): Promise<void> {
    if (reply.status !== 200 && (reply.status !== 304 || this.#cache.keys === undefined)) {
      throw new Unreachable(`keys: HTTP ${reply.status}`);
    }
    const keys = reply.status === 200 ? await readJwks(reply.body) : undefined;
    const maxAge = MAX_AGE.exec(reply.headers.get("cache-control") ?? "")?.[1];
    this.#cache.succeeded(
      keys,
      etagOf(reply.headers),
      maxAge === undefined ? undefined : Number(maxAge),
      this.#clock.monotonic(),
      Math.random(),
    );
  }
}

function uriOf(source: string | Authority | Discovery): string | undefined {
  if (typeof source === "string") {
    checkUrl(source, "jwks_uri");
    return source;
  }
  if (source instanceof Discovery) return source.endpoints.jwksUri;
  if (source.jwksUri === undefined) throw new ConfigError("the authority has no jwks_uri");
  return source.jwksUri;
}

/** The entity tag, if it can be sent back as it came (RFC 9110 section 8.8.3). */
function etagOf(headers: Headers): string | undefined {
  const found = headers.get("etag");
  return found !== null && /^(?:W\/)?"[\x21\x23-\x7e]{0,256}"$/.test(found) ? found : undefined;
}
