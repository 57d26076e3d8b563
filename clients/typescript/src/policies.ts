/** When a token is replaced, and whether a failed attempt is repeated. Times in seconds. */

import { ConfigError, Throttled, Unavailable } from "./errors.js";

/**
 * From `soft` of its life (moved by up to `jitter` of that, so that a fleet does not renew in step) a token is renewed
 * behind the caller's back. `margin` seconds before expiry, or `marginFraction` of the lifetime if that is less,
 * callers wait for the new one. Renewals of one key begin at least `minInterval` apart.
 */
export interface RefreshPolicy {
  readonly margin: number;
  readonly marginFraction: number;
  readonly soft: number;
  readonly jitter: number;
  readonly minInterval: number;
}

/** How tokens are renewed unless the client is told otherwise. */
export const REFRESH: RefreshPolicy = { margin: 60, marginFraction: 0.2, soft: 0.75, jitter: 0.1, minInterval: 5 };

/** `policy` itself. Throws ConfigError if it cannot work. */
export function checkRefresh(policy: RefreshPolicy): RefreshPolicy {
  const { margin, marginFraction, soft, jitter } = policy;
  const good = margin >= 0 && marginFraction >= 0 && marginFraction < 1 && soft > 0 && soft <= 1;
  if (!good || !(jitter >= 0 && jitter < 1)) {
    throw new ConfigError("the refresh policy needs 0 <= fractions < 1 and a margin that is not negative");
  }
  return policy;
}

/** The age from which callers wait for a new token. */
export function hardAge(policy: RefreshPolicy, lifetime: number): number {
  return lifetime - Math.min(policy.margin, policy.marginFraction * lifetime);
}

/** The age at which renewal may begin; `spread` in -1..1 places it within the jitter. */
export function renewAge(policy: RefreshPolicy, lifetime: number, spread: number): number {
  return Math.min(policy.soft * lifetime * (1 + policy.jitter * spread), hardAge(policy, lifetime));
}

/**
 * At most `attempts` within `deadline` seconds; waits start at `base`, double, stop at `cap`, with full jitter.
 *
 * A Retry-After from the authority is obeyed in place of the computed wait, if it fits in the deadline.
 * `attemptTimeout` bounds a single attempt.
 */
export interface RetryPolicy {
  readonly attempts: number;
  readonly deadline: number;
  readonly base: number;
  readonly cap: number;
  readonly attemptTimeout: number;
}

/** How failed attempts are repeated unless the client is told otherwise. */
export const RETRY: RetryPolicy = { attempts: 3, deadline: 10, base: 0.2, cap: 2, attemptTimeout: 5 };

/** `policy` itself. Throws ConfigError if it cannot work. */
export function checkRetry(policy: RetryPolicy): RetryPolicy {
  const { attempts, deadline, base, cap, attemptTimeout } = policy;
  if (!(attempts >= 1 && deadline > 0 && attemptTimeout > 0 && base >= 0 && cap >= 0)) {
    throw new ConfigError("the retry policy needs at least one attempt and positive times");
  }
  return policy;
}

/**
 * Seconds to wait after failed attempt number `attempt` (from 1), or undefined to give up.
 *
 * `elapsed` is the time since the first attempt began, `chance` in 0..1 the jitter's die.
 */
export function waitAfter(
  policy: RetryPolicy,
  error: unknown,
  { attempt, elapsed, chance }: { attempt: number; elapsed: number; chance: number },
): number | undefined {
  if (!(error instanceof Throttled || error instanceof Unavailable) || attempt >= policy.attempts) return undefined;
  const wait = error.retryAfter ?? chance * Math.min(policy.cap, policy.base * 2 ** (attempt - 1));
  return elapsed + wait < policy.deadline ? wait : undefined;
}
