/** HTTP as this library needs it: one exchange, no redirects, a bounded body, a bounded time. */

import { MalformedResponse, TillitError, Unavailable } from "./errors.js";
import { Authority, MAX_METADATA } from "./authority.js";
import type { Discovery } from "./authority.js";

/** The function that sends; the platform's unless another is given. */
export type Fetch = (input: string, init: RequestInit) => Promise<Response>;

/** No complete answer came. The message names the kind of failure and never the request. */
export class Unreachable extends TillitError {}

/** An HTTP answer with its whole body. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** One exchange. Times in seconds. */
export interface Exchange {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly within: number;
  readonly maxBytes: number;
  readonly form?: Readonly<Record<string, string>> | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** One exchange in at most `within` seconds. Throws Unreachable. */
export async function send(exchange: Exchange, using: Fetch | undefined): Promise<Reply> {
  const form = exchange.form === undefined ? {} : { body: new URLSearchParams(exchange.form) };
  try {
    const response = await (using ?? fetch)(exchange.url, {
      method: exchange.method,
      redirect: "manual",
      // A timer of its own per exchange; it also ends the reading of a body that never ends.
      signal: AbortSignal.timeout(Math.ceil(exchange.within * 1000)),
      headers: { Accept: "application/json", "Accept-Encoding": "identity", ...exchange.headers },
      ...form,
    });
    return { status: response.status, headers: response.headers, body: await bodyOf(response, exchange.maxBytes) };
  } catch (error) {
    if (error instanceof Unreachable) throw error;
    throw new Unreachable(`no answer: ${kindOf(error)}`);
  }
}

async function bodyOf(response: Response, most: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  while (reader !== undefined) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > most) {
      await reader.cancel();
      throw new Unreachable("the answer is too large");
    }
    chunks.push(value);
  }
  return Buffer.concat(chunks);
}

/** The kind of failure only: what a platform says in full may name addresses and more. */
function kindOf(error: unknown): string {
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error && "code" in cause && typeof cause.code === "string") return cause.code;
  return error instanceof Error ? error.name : "failure";
}

/** The authority that `discovery` leads to. Throws Unavailable or MalformedResponse. */
export async function fetchMetadata(
  discovery: Discovery,
  within: number,
  using: Fetch | undefined,
): Promise<Authority> {
  let reply: Reply;
  try {
    reply = await send({ method: "GET", url: discovery.metadataUrl, within, maxBytes: MAX_METADATA }, using);
  } catch (error) {
    throw error instanceof Unreachable ? new Unavailable(`metadata: ${error.message}`) : error;
  }
  if (reply.status === 408 || reply.status === 429 || reply.status >= 500) {
    throw new Unavailable(`metadata: HTTP ${reply.status}`, reply.status);
  }
  if (reply.status !== 200) throw new MalformedResponse(`metadata: HTTP ${reply.status}`, reply.status);
  return discovery.resolve(reply.body);
}
