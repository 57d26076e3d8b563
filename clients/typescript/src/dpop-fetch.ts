/** The token client with DPoP as a function like `fetch`. */

import { asksForAnotherToken, namesError } from "./challenges.js";
import type { TokenClient } from "./client.js";
import { ConfigError } from "./errors.js";
import { TokenRequest } from "./token-request.js";
import type { Scopes } from "./token-request.js";
import type { Token } from "./token.js";

/** Sends one request; the platform's `fetch` unless another is given. */
export type Send = (request: Request) => Promise<Response>;

/** What `fetch` is called with. */
export type DpopFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/**
 * A `fetch` that puts a token and a fresh proof on every request.
 *
 * The client's configuration must have a `dpop` key. An API that wants a nonce is sent the request once more with it;
 * one that refuses the token is sent it once more with a new token. Neither happens twice, nor where the body cannot be
 * sent again, as a stream. A redirect is an answer like others unless `redirect` says otherwise: a proof is for one
 * address.
 *
 * @throws ConfigError
 */
export function dpopFetch(
  client: TokenClient,
  asked?: TokenRequest | Scopes,
  using: Send = (request) => fetch(request),
): DpopFetch {
  const { prover } = client;
  if (prover === undefined) throw new ConfigError("the client's configuration has no dpop key; set dpop: true");
  // An iterator can be read once.
  const wanted = asked instanceof TokenRequest || typeof asked === "string" ? asked : asked && [...asked];
  const attempt = async (input: string | URL | Request, init: RequestInit, token: Token): Promise<Attempt> => {
    const request = new Request(input, { redirect: redirectOf(input), ...init });
    const headers = await prover.headers(request.method, request.url, token);
    for (const [name, value] of Object.entries(headers)) request.headers.set(name, value);
    const response = await using(request);
    return { response, learnt: prover.learn(request.url, response.headers) };
  };
  return async (input, init = {}) => {
    const again = repeatable(input, init);
    const signal = init.signal ?? (input instanceof Request ? input.signal : undefined);
    const token = await client.get(wanted, { signal });
    let answer = await attempt(input, init, token);
    if (again && answer.learnt && asksForNonce(answer.response)) {
      await answer.response.body?.cancel();
      answer = await attempt(input, init, token);
    }
    const { status, headers } = answer.response;
    if (again && asksForAnotherToken(status, headers.get("www-authenticate"), token.age())) {
      await answer.response.body?.cancel();
      await client.invalidate(token);
      answer = await attempt(input, init, await client.get(wanted, { signal }));
    }
    return answer.response;
  };
}

interface Attempt {
  readonly response: Response;
  /** Whether the answer brought a nonce. */
  readonly learnt: boolean;
}

function asksForNonce(response: Response): boolean {
  return response.status === 401 && namesError(response.headers.get("www-authenticate"), "use_dpop_nonce");
}

function redirectOf(input: string | URL | Request): "error" | "manual" {
  return input instanceof Request && input.redirect === "error" ? "error" : "manual";
}

/** Whether the body can be sent again; a stream is read once. */
function repeatable(input: string | URL | Request, init: RequestInit): boolean {
  const body: unknown = init.body ?? (input instanceof Request ? input.body : null);
  const values = [URLSearchParams, FormData, Blob, ArrayBuffer];
  return (
    body === null || typeof body === "string" || ArrayBuffer.isView(body) || values.some((kind) => body instanceof kind)
  );
}
