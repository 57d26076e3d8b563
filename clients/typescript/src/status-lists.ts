/** Status lists of an authority, fetched when they are needed and kept as long as they say. */

import { InvalidToken } from "./access-errors.js";
import { checkUrl } from "./authority.js";
import { systemClock } from "./clock.js";
import type { Clock } from "./clock.js";
import { ConfigError, TillitError } from "./errors.js";
import { verify } from "./jose/algorithms.js";
import { readCompact } from "./jose/compact.js";
import type { UnverifiedJwt } from "./jose/compact.js";
import { MalformedJose } from "./jose/json.js";
import type { JwksSource } from "./jwks.js";
import { MAX_STATUS_TOKEN, STATUS_LIST_TYPE, StatusList } from "./status-list.js";
import type { Status, StatusReference } from "./status-list.js";
import { send, Unreachable } from "./transport.js";
import type { Fetch } from "./transport.js";

/** For how many seconds an authority may be away before nobody believes what it listed, where no more is said. */
export const OUTAGE = 300;
const LEEWAY = 10;

/** The status cannot be had, so that nothing is known to be good. Trying again later may work. */
export class StatusUnavailable extends TillitError {}

/** How status lists are fetched and kept. Times in seconds. */
export interface StatusListsOptions {
  readonly fetch?: Fetch | undefined;
  readonly clock?: Clock | undefined;
  /** How many lists are kept; 16 by default. */
  readonly capacity?: number | undefined;
  /** The longest a fetch may take; 5 by default. */
  readonly within?: number | undefined;
  /** For how long beyond its `ttl` a list stands in for one that cannot be fetched; 0 by default. */
  readonly maxStale?: number | undefined;
  /** How long another fetch waits while an old list stands in; 5 by default. */
  readonly cooldown?: number | undefined;
}

interface Kept {
  readonly listed: StatusList;
  readonly freshUntil: number;
  readonly restsUntil: number;
}

/**
 * The status lists that an authority signs with the keys of `jwks`.
 *
 * A list is fetched once by however many ask, and asked for again when its `ttl` is over; it is never believed beyond
 * its own end.
 */
export class StatusLists {
  readonly #clock: Clock;
  readonly #fetch: Fetch | undefined;
  readonly #capacity: number;
  readonly #within: number;
  readonly #maxStale: number;
  readonly #cooldown: number;
  readonly #kept = new Map<string, Kept>();
  readonly #failed = new Map<string, { readonly until: number; readonly error: TillitError }>();
  readonly #flights = new Map<string, Promise<StatusList>>();

  /** @throws ConfigError */
  constructor(
    readonly issuer: string,
    readonly jwks: JwksSource,
    options: StatusListsOptions = {},
  ) {
    const { capacity = 16, within = 5, maxStale = 0, cooldown = 5 } = options;
    if (!(capacity >= 1 && within > 0 && maxStale >= 0 && cooldown >= 0)) {
      throw new ConfigError(
        "capacity must be at least 1, within positive, maxStale and cooldown not negative",
      );
    }
    this.#clock = options.clock ?? systemClock;
    this.#fetch = options.fetch;
    this.#capacity = capacity;
    this.#within = within;
    this.#maxStale = maxStale;
    this.#cooldown = cooldown;
  }

  /** The status now; may wait for a fetch. Throws StatusUnavailable. */
  async status(reference: StatusReference): Promise<Status> {
    const { uri, index } = reference;
    try {
      return (this.#fresh(uri) ?? (await this.#fetched(uri))).status(index);
    } catch (error) {
      throw error instanceof MalformedJose ? new StatusUnavailable(error.message) : error;
    }
  }

  #fresh(uri: string): StatusList | undefined {
    const kept = this.#kept.get(uri);
    if (kept === undefined || this.#clock.monotonic() >= Math.max(kept.freshUntil, kept.restsUntil)) return undefined;
    // That it was issued is not looked at again: by a clock that is behind, none ever would be for long.
    return kept.listed.hasEnded(this.#now()) ? undefined : kept.listed;
  }

  async #fetched(uri: string): Promise<StatusList> {
    let flight = this.#flights.get(uri);
    const failed = this.#failed.get(uri);
    if (flight === undefined && failed !== undefined && this.#clock.monotonic() < failed.until) {
      throw unavailable(failed.error);
    }
    if (flight === undefined) {
      flight = this.#obtain(uri).finally(() => this.#flights.delete(uri));
      this.#flights.set(uri, flight);
    }
    try {
      return await flight;
    } catch (error) {
      if (error instanceof TillitError) return this.#standIn(uri, error);
      throw error;
    }
  }

  /** The old list, after a fetch failed; nobody asks again for a while. Throws StatusUnavailable. */
  #standIn(uri: string, error: TillitError): StatusList {
    const now = this.#clock.monotonic();
    const kept = this.#kept.get(uri);
    const end = kept === undefined ? now : kept.freshUntil + this.#maxStale;
    if (kept === undefined || now >= end || kept.listed.hasEnded(this.#now())) {
      // With nothing to stand in, every request would ask an authority that is away.
      makeRoom(this.#failed, uri, this.#capacity);
      this.#failed.set(uri, { until: now + this.#cooldown, error });
      throw unavailable(error);
    }
    this.#kept.set(uri, { ...kept, restsUntil: Math.min(now + this.#cooldown, end) });
    return kept.listed;
  }

  async #obtain(uri: string): Promise<StatusList> {
    this.#checkAddress(uri);
    const headers = { Accept: `application/${STATUS_LIST_TYPE}` };
    const exchange = { method: "GET", url: uri, within: this.#within, maxBytes: MAX_STATUS_TOKEN, headers } as const;
    const reply = await send(exchange, this.#fetch);
    if (reply.status !== 200) throw new Unreachable(`the status list: HTTP ${reply.status}`);
    const found = readStatusToken(Buffer.from(reply.body).toString("latin1"));
    const key = await this.jwks.key(found.kid, found.alg);
    const listed = await verifiedList(found, key, { uri, issuer: this.issuer, now: this.#now() });
    this.#failed.delete(uri);
    makeRoom(this.#kept, uri, this.#capacity);
    const freshUntil = this.#clock.monotonic() + listed.freshFor();
    this.#kept.set(uri, { listed, freshUntil, restsUntil: -Infinity });
    return listed;
  }

  /** A token is signed, yet it sends nobody to another host than its issuer's. */
  #checkAddress(uri: string): void {
    const issuer = checkUrl(this.issuer, "issuer", true);
    const found = checkUrl(uri, "status list", issuer.protocol === "http:");
    if (found.protocol !== issuer.protocol || found.host !== issuer.host) {
      throw new ConfigError("the status list is not at the issuer's address");
    }
  }

  #now(): number {
    return Math.floor(this.#clock.time());
  }
}

function makeRoom(entries: Map<string, unknown>, uri: string, capacity: number): void {
  entries.delete(uri);
  for (const oldest of entries.keys()) {
    if (entries.size < capacity) break;
    entries.delete(oldest);
  }
}

function readStatusToken(text: string): UnverifiedJwt {
  let found: UnverifiedJwt;
  try {
    found = readCompact(text, MAX_STATUS_TOKEN);
  } catch (error) {
    throw error instanceof MalformedJose ? new StatusUnavailable(`the status list: ${error.message}`) : error;
  }
  if (found.typ !== STATUS_LIST_TYPE) {
    throw new StatusUnavailable("the status list is not of the type that it should be");
  }
  return found;
}

async function verifiedList(
  found: UnverifiedJwt,
  key: CryptoKey,
  expected: { readonly uri: string; readonly issuer: string; readonly now: number },
): Promise<StatusList> {
  if (!(await verify(found.alg, key, found.signingInput, found.signature))) {
    throw new StatusUnavailable("the signature of the status list is not valid");
  }
  if ("iss" in found.claims && found.claims["iss"] !== expected.issuer) {
    throw new StatusUnavailable("the status list is another authority's");
  }
  let listed: StatusList;
  try {
    listed = StatusList.parse(found.claims, expected.uri);
  } catch (error) {
    throw error instanceof MalformedJose ? new StatusUnavailable(error.message) : error;
  }
  if (!listed.isCurrent(expected.now, LEEWAY)) {
    throw new StatusUnavailable("the status list has expired, or is from the future");
  }
  return listed;
}

function unavailable(error: TillitError): StatusUnavailable {
  if (error instanceof StatusUnavailable) return error;
  // An unknown key id is no fault of a caller's token here.
  const reason = error instanceof InvalidToken ? "its key is not known" : error.message;
  return new StatusUnavailable(`the status list: ${reason}`);
}
