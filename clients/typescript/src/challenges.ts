/** What a client reads in the refusal of an API, and whether another token might help (RFC 6750 section 3.1). */

// An API that refuses a token seconds old would refuse the next one too.
const JUST_FETCHED = 5;
const QUOTED = /"(?:[^"\\]|\\.)*"/g;
const ERROR = /(?:^|[\s,])error\s*=\s*(?:"([^"\\]*)"|([^\s",]+))/gi;

/** Whether any challenge of a WWW-Authenticate header names the error `code`. */
export function namesError(challenges: string | null, code: string): boolean {
  const line = challenges ?? "";
  const quoted = [...line.matchAll(QUOTED)].map((found) => [found.index, found.index + found[0].length] as const);
  return [...line.matchAll(ERROR)].some((found) => {
    // A description may well say `error=...` between its own quotes.
    const start = found.index + 1;
    const within = quoted.some(([first, last]) => first < start && start < last - 1);
    return !within && (found[1] ?? found[2]) === code;
  });
}

/**
 * Whether an API that answered so may take another token than the one sent, which is `age` seconds old.
 *
 * A challenge has to name `invalid_token`. One that names no error says that no token was seen, and one with another
 * error that it was understood. A 401 without a challenge says nothing, as some proxies do: it gets the benefit.
 */
export function asksForAnotherToken(status: number, challenges: string | null, age: number): boolean {
  if (status !== 401 || age < JUST_FETCHED) return false;
  return challenges === null || namesError(challenges, "invalid_token");
}
