/** base64url without padding (RFC 7515 section 2), where each value has one spelling. */

import { MalformedJose } from "./json.js";

/** The base64url text of `data`. */
export function encode(data: Uint8Array | string): string {
  return Buffer.from(data as Uint8Array).toString("base64url");
}

/**
 * The bytes of an unpadded base64url text.
 *
 * @throws MalformedJose for any other alphabet, for padding, and for set trailing bits.
 */
export function decode(text: unknown): Uint8Array<ArrayBuffer> {
  if (typeof text !== "string") throw new MalformedJose("not base64url");
  const data = new Uint8Array(Buffer.from(text, "base64url"));
  // Node reads leniently; what is not canonical does not come back the same.
  if (encode(data) !== text) throw new MalformedJose("not canonical base64url");
  return data;
}
