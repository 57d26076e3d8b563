/** The token client. */

import { setTimeout as sleep } from "node:timers/promises";
import { after, orAborted } from "./aborting.js";
import { systemClock } from "./clock.js";
import type { Clock } from "./clock.js";
import { configFromEnv } from "./config.js";
import type { ClientConfig } from "./config.js";
import type { Prover } from "./dpop.js";
import { ConfigError, TokenError } from "./errors.js";
import { Grants } from "./grants.js";
import { checkRefresh, checkRetry, hardAge, REFRESH, renewAge, RETRY, waitAfter } from "./policies.js";
import type { RefreshPolicy, RetryPolicy } from "./policies.js";
import { Refusals } from "./refusals.js";
import { decodeToken, encodeToken, MemoryStore } from "./store.js";
import type { StoredToken, TokenStore } from "./store.js";
import { TokenRequest } from "./token-request.js";
import type { Scopes } from "./token-request.js";
import { Token } from "./token.js";
import type { Fetch } from "./transport.js";

// Seconds.
const GRACE = 0.5;

/** How a client is set up. */
export interface ClientOptions {
  readonly fetch?: Fetch | undefined;
  /** Where processes share tokens. */
  readonly store?: TokenStore | undefined;
  readonly refresh?: Partial<RefreshPolicy>;
  readonly retry?: Partial<RetryPolicy>;
  readonly clock?: Clock | undefined;
  /** Waits so many seconds between attempts; for tests. */
  readonly wait?: (seconds: number) => Promise<unknown>;
}

/** How one call is made. */
export interface GetOptions {
  /** Ends this caller's wait, as `AbortSignal.timeout(2000)` does; the fetch goes on for others. */
  readonly signal?: AbortSignal | undefined;
  /** Fetch even if a token or a refusal is remembered. */
  readonly force?: boolean | undefined;
}

/** Gets access tokens, keeps them, and renews them before they expire. One request a key is under way at a time. */
export class TokenClient {
  readonly #config: ClientConfig;
  readonly #options: ClientOptions;
  readonly #clock: Clock;
  readonly #refresh: RefreshPolicy;
  readonly #retry: RetryPolicy;
  readonly #memory = new MemoryStore();
  readonly #refusals = new Refusals();
  readonly #flights = new Map<string, Promise<Token>>();
  readonly #renewals = new Map<string, number>();
  readonly #grants: Grants;

  /** @throws ConfigError */
  constructor(config: ClientConfig, options: ClientOptions = {}) {
    this.#config = config;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#refresh = checkRefresh({ ...REFRESH, ...options.refresh });
    this.#retry = checkRetry({ ...RETRY, ...options.retry });
    this.#grants = new Grants(config, this.#clock, options.fetch);
  }

  /** A client with the settings in the environment; see `configFromEnv`. Throws ConfigError. */
  static fromEnv(prefix?: string, environment?: Readonly<Record<string, string | undefined>>): TokenClient {
    return new TokenClient(configFromEnv(prefix, environment));
  }

  /** Makes the proofs for tokens that are bound to a key; undefined when they are not. */
  get prover(): Prover | undefined {
    return this.#grants.proofs.prover;
  }

  /**
   * A token that is good now: from the cache, or fetched. `request` may be scopes; none asks for the default scopes.
   *
   * @throws ConfigError, Rejected, Throttled, Unavailable or MalformedResponse
   */
  async get(request?: TokenRequest | Scopes, options: GetOptions = {}): Promise<Token> {
    const wanted = this.#resolve(request);
    const key = this.#key(wanted);
    const held = this.#memory.get(key);
    const force = options.force ?? false;
    if (held !== undefined && !force && !this.#isSpent(held)) {
      if (held.age() >= held.renewAge && this.#renewalDue(key)) {
        // Nobody waits for a renewal; the next call finds what came of it.
        this.#flight(key, wanted, held, false).catch(() => undefined);
      }
      return held;
    }
    try {
      const refusal = force ? undefined : this.#refusals.recall(key, this.#clock.monotonic());
      if (refusal !== undefined) throw refusal;
      return await orAborted(this.#flight(key, wanted, held, force), options.signal);
    } catch (error) {
      // What a token is good for is the API's to say, whatever is answered when it is to be renewed.
      const answered = error instanceof TokenError && !(error instanceof ConfigError);
      if (!answered || force || held === undefined || held.expiresIn() <= 0) throw error;
      return held;
    }
  }

  /** The token this process holds for `request`, if it has not expired. Sends nothing. Throws ConfigError. */
  peek(request?: TokenRequest | Scopes): Token | undefined {
    const token = this.#memory.get(this.#key(this.#resolve(request)));
    return token !== undefined && token.expiresIn() > 0 ? token : undefined;
  }

  /** Forget `token`, unless a newer one has already taken its place. */
  async invalidate(token: Token): Promise<void> {
    const key = this.#key(token.request);
    this.#memory.drop(key, token);
    const shared = await this.#shared(key, token.request);
    if (shared?.value === token.value) await this.#stored((store) => store.drop(key));
  }

  #flight(key: string, request: TokenRequest, seen: Token | undefined, force: boolean): Promise<Token> {
    const under = this.#flights.get(key);
    if (under !== undefined) return under;
    const flight = this.#fetch(key, request, seen, force).finally(() => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return flight;
  }

  async #fetch(key: string, request: TokenRequest, seen: Token | undefined, force: boolean): Promise<Token> {
    const shared = force ? undefined : await this.#shared(key, request);
    if (shared !== undefined && shared.value !== seen?.value && !this.#isSpent(shared)) {
      this.#memory.put(key, shared);
      return shared;
    }
    try {
      const token = await this.#attempts(request);
      this.#memory.put(key, token);
      this.#refusals.forget(key);
      this.#renewals.delete(key);
      await this.#stored((store) => store.put(key, encodeToken(token), token.lifetime));
      return token;
    } catch (error) {
      if (error instanceof TokenError) this.#refusals.remember(key, error, this.#clock.monotonic());
      throw error;
    }
  }

  async #attempts(request: TokenRequest): Promise<Token> {
    const started = this.#clock.monotonic();
    const elapsed = (): number => this.#clock.monotonic() - started;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const left = this.#retry.deadline - elapsed();
        return await this.#ask(request, Math.max(Math.min(this.#retry.attemptTimeout, left), 0.05));
      } catch (error) {
        const wait = waitAfter(this.#retry, error, { attempt, elapsed: elapsed(), chance: Math.random() });
        if (wait === undefined) throw error;
        await (this.#options.wait ?? ((seconds) => sleep(seconds * 1000)))(wait);
      }
    }
  }

  async #ask(request: TokenRequest, within: number): Promise<Token> {
    // A signer may take longer than any request, or for ever. A request that does says more, and is let go first.
    const asked = orAborted(this.#grants.ask(request, within), after(within + GRACE), "the attempt took too long");
    const { grant, monotonic, wall: obtained } = await asked;
    const { accessToken: value, expiresIn: lifetime, scopes, tokenType } = grant;
    return this.#token({ value, lifetime, scopes, tokenType, obtained }, request, monotonic);
  }

  async #shared(key: string, request: TokenRequest): Promise<Token | undefined> {
    const text = await this.#stored((store) => store.get(key));
    const told = text === undefined ? undefined : decodeToken(text, this.#clock.time());
    if (told === undefined) return undefined;
    const age = Math.max(this.#clock.time() - told.obtained, 0);
    const monotonic = this.#clock.monotonic() - age;
    return this.#token(told, request, monotonic);
  }

  /** What `use` of the store brings. A store that fails costs no token, and one that hangs an attempt's time. */
  async #stored<T>(use: (store: TokenStore) => Promise<T>): Promise<T | undefined> {
    const { store } = this.#options;
    if (store === undefined) return undefined;
    return orAborted(use(store), after(this.#retry.attemptTimeout)).catch(() => undefined);
  }

  #token(told: StoredToken, request: TokenRequest, monotonic: number): Token {
    const { value, scopes, lifetime, obtained, tokenType } = told;
    const age = renewAge(this.#refresh, lifetime, 2 * Math.random() - 1);
    const how = { clock: this.#clock, monotonic, wall: obtained, renewAge: age };
    return new Token(value, scopes, request, lifetime, how, tokenType);
  }

  #isSpent(token: Token): boolean {
    return token.age() >= hardAge(this.#refresh, token.lifetime);
  }

  /** Whether a renewal may begin now; if so, it is noted as begun. */
  #renewalDue(key: string): boolean {
    const now = this.#clock.monotonic();
    if (now - (this.#renewals.get(key) ?? -Infinity) < this.#refresh.minInterval) return false;
    this.#renewals.set(key, now);
    return true;
  }

  #resolve(request: TokenRequest | Scopes | undefined): TokenRequest {
    return request instanceof TokenRequest
      ? request
      : new TokenRequest(request ?? this.#config.defaultScopes ?? [], this.#config);
  }

  #key(request: TokenRequest): string {
    return this.#grants.key(request);
  }
}
