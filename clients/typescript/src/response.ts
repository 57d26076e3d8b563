/** The answer of a token endpoint (RFC 6749 section 5), turned into a grant or into the right error. */

import type { Scheme } from "./access-errors.js";
import { MalformedResponse, redact, Rejected, Throttled, Unavailable } from "./errors.js";
import type { TokenError } from "./errors.js";
import { hintFor } from "./hints.js";
import { MalformedJose, readJsonObject } from "./jose/json.js";
import type { JsonObject } from "./jose/json.js";
import type { TokenRequest } from "./token-request.js";
import type { Reply } from "./transport.js";

/** The longest answer read, in bytes. */
export const MAX_RESPONSE = 64 * 1024;
/** Seconds. A token of which more is said is renewed after that all the same. */
const LONGEST_LIFE = 86_400;
const TOKEN = /^[A-Za-z0-9._~+/=-]{1,32768}$/;
const CODE = /\b(?:MP|AS)-[0-9]{3}\b/;
const TRACE = /\s*\((?:trace_id|correlation id): ([0-9A-Za-z-]{8,64})\)\s*$/;
const TEMPORARY = ["temporarily_unavailable", "server_error"];

/** A successful answer. */
export interface Grant {
  readonly accessToken: string;
  /** Seconds. */
  readonly expiresIn: number;
  readonly scopes: readonly string[];
  readonly tokenType: Scheme;
}

/**
 * The grant in `reply`, of one of the `kinds`. `now` is the wall clock in seconds, for dates in headers.
 *
 * @throws Rejected, Throttled, Unavailable or MalformedResponse
 */
export function readReply(
  reply: Reply,
  request: TokenRequest,
  now: number,
  kinds: readonly Scheme[] = ["Bearer"],
): Grant {
  if (reply.status !== 200) throw refusalOf(reply, now);
  let members: JsonObject;
  try {
    members = readJsonObject(reply.body);
  } catch (error) {
    if (!(error instanceof MalformedJose)) throw error;
    throw new MalformedResponse(`the token endpoint's answer is not usable: ${error.message}`, 200);
  }
  const { access_token: token, token_type: kind, expires_in: seconds, scope } = members;
  if (typeof token !== "string" || !TOKEN.test(token)) {
    throw new MalformedResponse("the token endpoint's answer has no usable access_token", 200);
  }
  const tokenType = kinds.find((known) => typeof kind === "string" && kind.toLowerCase() === known.toLowerCase());
  if (tokenType === undefined) {
    // A Bearer token in answer to a proof is bound to nothing, and would be worth as much to a thief.
    throw new MalformedResponse(`the token endpoint's answer is not a ${kinds.join(" or ")} token`, 200);
  }
  if (typeof seconds !== "number" || !Number.isSafeInteger(seconds) || seconds <= 0) {
    throw new MalformedResponse("the token endpoint's answer has no usable expires_in", 200);
  }
  const scopes = typeof scope === "string" ? scope.split(/\s+/).filter(Boolean) : request.scopes;
  return { accessToken: token, expiresIn: Math.min(seconds, LONGEST_LIFE), scopes, tokenType };
}

/** Whether the authority asks for the same again, with a nonce in the proof (RFC 9449 section 8). */
export function wantsNonce(reply: Reply): boolean {
  return [400, 401].includes(reply.status) && oauthError(reply.body).code === "use_dpop_nonce";
}

function refusalOf(reply: Reply, now: number): TokenError {
  const { status } = reply;
  const { code, description, traceId } = oauthError(reply.body);
  const text = code && description ? `${code}: ${description}` : code || `HTTP ${status}`;
  const trace = traceId === undefined ? "" : ` (trace_id: ${traceId})`;
  const wait = retryAfter(reply.headers, now);
  if (status === 429) return new Throttled(`the authority asks for fewer requests: ${text}${trace}`, wait, traceId);
  if (status === 408 || status >= 500 || TEMPORARY.includes(code)) {
    return new Unavailable(`the authority is out of order: ${text}${trace}`, status, wait, traceId);
  }
  if (!code || status < 400) {
    return new MalformedResponse(`HTTP ${status} without an OAuth answer; is this the token endpoint?`, status);
  }
  const mpCode = CODE.exec(description)?.[0];
  const skew = clockSkew(reply.headers, now);
  const hint = hintFor(mpCode, description, skew);
  const message = [text, hint, trace.trim()].filter(Boolean).join(" ");
  return new Rejected(message, { code, description, mpCode, status, traceId, hint, skew });
}

function oauthError(body: Uint8Array): { code: string; description: string; traceId: string | undefined } {
  let members: JsonObject;
  try {
    members = readJsonObject(body);
  } catch {
    return { code: "", description: "", traceId: undefined };
  }
  const code = typeof members["error"] === "string" ? redact(members["error"]) : "";
  const told = members["error_description"];
  const description = typeof told === "string" ? redact(told) : "";
  const trace = TRACE.exec(description);
  return { code, description: trace === null ? description : description.slice(0, trace.index), traceId: trace?.[1] };
}

/** Seconds asked for by a Retry-After header (RFC 9110 section 10.2.3), if any. */
export function retryAfter(headers: Headers, now: number): number | undefined {
  const value = (headers.get("retry-after") ?? "").trim();
  if (/^[0-9]{1,7}$/.test(value)) return Number(value);
  const moment = httpDate(value);
  return moment === undefined ? undefined : Math.max(moment - now, 0);
}

/** How many seconds the sender's clock is ahead of `now`, from its Date header; whole seconds at best. */
function clockSkew(headers: Headers, now: number): number | undefined {
  const moment = httpDate(headers.get("date") ?? "");
  return moment === undefined ? undefined : moment - now;
}

function httpDate(value: string): number | undefined {
  const moment = /[A-Za-z]/.test(value) ? Date.parse(value) : NaN;
  return Number.isNaN(moment) ? undefined : moment / 1000;
}
