/** Time, as an argument. */

/** Where a client or a validator reads the time, in seconds. */
export interface Clock {
  /** The wall clock: seconds since the Unix epoch. */
  time(): number;
  /** Seconds on a clock that is never set back. */
  monotonic(): number;
}

/** The clocks of this machine. */
export const systemClock: Clock = {
  time: () => Date.now() / 1000,
  monotonic: () => performance.now() / 1000,
};
