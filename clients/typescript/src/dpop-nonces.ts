/** The nonces that an API wants in DPoP proofs (RFC 9449 section 9). */

import { createHmac, timingSafeEqual } from "node:crypto";
import { ConfigError } from "./errors.js";
import { decode, encode } from "./jose/base64url.js";
import { MalformedJose } from "./jose/json.js";

const TAG = 16;
const AHEAD = 60;

/**
 * Nonces that say when they were made, so that nobody has to keep them.
 *
 * They are those of the Python library: processes of both that share the secret take each other's.
 */
export class DpopNonces {
  readonly #secret: Uint8Array;

  /**
   * @param secret at least 32 random bytes, the same in every process that serves the API
   * @param lifetime for how many seconds a nonce is good
   * @throws ConfigError
   */
  constructor(
    secret: Uint8Array,
    readonly lifetime: number = 300,
  ) {
    if (secret.length < 32 || !(lifetime > 0)) {
      throw new ConfigError("the secret must have at least 32 bytes, and the lifetime must be positive");
    }
    this.#secret = secret;
  }

  /** A nonce made at `now` (seconds since the Unix epoch). */
  make(now: number): string {
    const moment = Buffer.alloc(8);
    moment.writeBigUInt64BE(BigInt(now));
    return encode(Buffer.concat([moment, this.#tag(moment)]));
  }

  /** Whether `nonce` is ours and not too old. */
  holds(nonce: string, now: number): boolean {
    let raw: Buffer;
    try {
      raw = Buffer.from(decode(nonce));
    } catch (error) {
      if (error instanceof MalformedJose) return false;
      throw error;
    }
    if (raw.length !== 8 + TAG || !timingSafeEqual(raw.subarray(8), this.#tag(raw.subarray(0, 8)))) return false;
    // Another process may have made it, by a clock that is ahead of this one.
    const age = now - Number(raw.readBigUInt64BE(0));
    return -AHEAD <= age && age <= this.lifetime;
  }

  #tag(moment: Uint8Array): Buffer {
    return createHmac("sha256", this.#secret).update("dpop-nonce").update(moment).digest().subarray(0, TAG);
  }
}
