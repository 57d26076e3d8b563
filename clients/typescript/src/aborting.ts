/** Waiting that can be ended without ending what is waited for. */

import { Unavailable } from "./errors.js";

/** What `flight` brings, unless `signal` ends the wait before. Throws Unavailable then, saying `why`. */
export async function orAborted<T>(
  flight: Promise<T>,
  signal: AbortSignal | undefined,
  why = "the caller's deadline passed before a token came",
): Promise<T> {
  if (signal === undefined) return flight;
  flight.catch(() => undefined); // it goes on without this caller
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(new Unavailable(why));
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([flight, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** A signal that comes after so many seconds, and keeps no process alive. */
export function after(seconds: number): AbortSignal {
  return AbortSignal.timeout(seconds * 1000);
}
