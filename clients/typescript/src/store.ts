/** Where tokens are kept: in the process always, and beyond it where processes share. */

import type { Scheme } from "./access-errors.js";
import { MalformedJose, readJsonObject } from "./jose/json.js";
import type { Token } from "./token.js";

/**
 * A store that processes share, such as a Redis. Its values are secret: each holds a token.
 *
 * A store that fails costs no token: the client then asks the authority.
 */
export interface TokenStore {
  /** What was put under `key`, if it is there. */
  get(key: string): Promise<string | undefined>;
  /** Keep `value` under `key` for `ttl` seconds. */
  put(key: string, value: string, ttl: number): Promise<void>;
  /** Forget what is under `key`. */
  drop(key: string): Promise<void>;
}

/** The tokens of one process: at most `capacity`, the least recently used make room. */
export class MemoryStore {
  readonly #tokens = new Map<string, Token>();

  constructor(readonly capacity: number = 1024) {}

  get(key: string): Token | undefined {
    const token = this.#tokens.get(key);
    if (token !== undefined) {
      this.#tokens.delete(key);
      this.#tokens.set(key, token);
    }
    return token;
  }

  put(key: string, token: Token): void {
    this.#tokens.delete(key);
    this.#tokens.set(key, token);
    for (const oldest of this.#tokens.keys()) {
      if (this.#tokens.size <= this.capacity) break;
      this.#tokens.delete(oldest);
    }
  }

  /** Forget `token`, unless another one has taken its place. */
  drop(key: string, token: Token): void {
    if (this.#tokens.get(key)?.value === token.value) this.#tokens.delete(key);
  }
}

// A token from further ahead than clocks differ was put there before the clock was set back.
const MOST_AHEAD = 60;

/** A token as a process tells it to others. */
export interface StoredToken {
  readonly value: string;
  readonly scopes: readonly string[];
  /** Seconds. */
  readonly lifetime: number;
  /** When it was asked for: seconds since the Unix epoch. */
  readonly obtained: number;
  readonly tokenType: Scheme;
}

/** The text of `token`: not what was asked for, which may name a person. */
export function encodeToken(token: Token): string {
  const { value, scopes, lifetime, obtainedAt: obtained, tokenType } = token;
  const type = tokenType === "Bearer" ? undefined : tokenType;
  return JSON.stringify({ v: 1, token: value, scopes, lifetime, obtained, type });
}

/** The token in `text` that can be used at `now` on the wall clock, if there is one. */
export function decodeToken(text: string, now: number): StoredToken | undefined {
  let members;
  try {
    members = readJsonObject(new TextEncoder().encode(text));
  } catch (error) {
    if (error instanceof MalformedJose) return undefined;
    throw error;
  }
  const { v, token: value, scopes, lifetime, obtained, type: tokenType = "Bearer" } = members;
  if (v !== 1 || typeof value !== "string" || !Array.isArray(scopes)) return undefined;
  if (typeof lifetime !== "number" || typeof obtained !== "number") return undefined;
  if (tokenType !== "Bearer" && tokenType !== "DPoP") return undefined;
  const age = now - obtained;
  if (age < -MOST_AHEAD || age >= lifetime || !scopes.every((scope) => typeof scope === "string")) return undefined;
  return { value, scopes: scopes as string[], lifetime, obtained, tokenType };
}
