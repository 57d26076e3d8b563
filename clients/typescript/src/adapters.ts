/** Validated tokens in servers: those that speak `Request` and `Response`, and those of Node and Express. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { AccessError } from "./access-errors.js";
import type { Challenge } from "./access-errors.js";
import type { AccessToken, Organisation } from "./access-token.js";
import { bearerToken } from "./bearer.js";
import type { Requirement } from "./requirements.js";
import { checkAccess } from "./validator.js";
import type { TokenValidator } from "./validator.js";

/** What an endpoint demands. */
export interface AccessOptions {
  /** The scopes; `new AllOf("x:read")` or `new AnyOf("x:read", "x:write")`. */
  readonly require?: Requirement;
  /** Which consumers are admitted; all unless given. */
  readonly consumer?: (organisation: Organisation) => boolean;
  /** The realm of the challenges (RFC 9110 section 11.5). */
  readonly realm?: string;
  /** Told of each refusal, for the log: its message says more than the answer does. */
  readonly onRefusal?: (error: AccessError) => void;
}

/** A request that brought a good token. */
export interface AuthorizedRequest extends IncomingMessage {
  accessToken?: AccessToken;
}

/**
 * A handler of `Request` that answers those with a good token by `handler`, and the others by a challenge.
 *
 * What `handler` throws is its own, an AccessError of a finer check included, which becomes a challenge too.
 */
export function protect<Rest extends unknown[]>(
  validator: TokenValidator,
  options: AccessOptions,
  handler: (request: Request, token: AccessToken, ...rest: Rest) => Response | Promise<Response>,
): (request: Request, ...rest: Rest) => Promise<Response> {
  return async (request, ...rest) => {
    try {
      // Two header lines come as one with a comma, which no bearer token has.
      const line = request.headers.get("authorization");
      const token = await admit(validator, options, line === null ? [] : [line]);
      return await handler(request, token, ...rest);
    } catch (error) {
      const challenge = challengeOf(error, options);
      return new Response(JSON.stringify(challenge.body), {
        status: challenge.status,
        headers: { "Content-Type": "application/json", ...challenge.headers },
      });
    }
  };
}

/**
 * Middleware for Express and for servers of `node:http`: a good token is found in `request.accessToken`, and `next` is
 * called; any other request is answered with a challenge. What is no refusal goes to `next` as an error.
 */
export function bearerMiddleware(
  validator: TokenValidator,
  options: AccessOptions = {},
): (request: AuthorizedRequest, response: ServerResponse, next: (error?: unknown) => void) => Promise<void> {
  return async (request, response, next) => {
    // Whatever put a token there before was not this check.
    delete request.accessToken;
    try {
      const lines = request.headersDistinct["authorization"] ?? [];
      request.accessToken = await admit(validator, options, lines);
    } catch (error) {
      if (error instanceof AccessError) answer(response, challengeOf(error, options));
      else next(error);
      return;
    }
    next();
  };
}

async function admit(
  validator: TokenValidator,
  options: AccessOptions,
  authorization: readonly string[],
): Promise<AccessToken> {
  const token = await validator.validate(bearerToken(authorization), options.require);
  checkAccess(token, undefined, options.consumer);
  return token;
}

function challengeOf(error: unknown, options: AccessOptions): Challenge {
  if (!(error instanceof AccessError)) throw error;
  options.onRefusal?.(error);
  return error.challenge({ realm: options.realm });
}

function answer(response: ServerResponse, challenge: Challenge): void {
  response.writeHead(challenge.status, { "Content-Type": "application/json", ...challenge.headers });
  response.end(JSON.stringify(challenge.body));
}
