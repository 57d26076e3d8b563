/** Validated tokens in servers: those that speak `Request` and `Response`, and those of Node and Express. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { AccessError } from "./access-errors.js";
import type { Challenge } from "./access-errors.js";
import type { AccessToken, Organisation } from "./access-token.js";
import { Presented } from "./presented.js";
import type { PresentedOptions } from "./presented.js";
import type { Requirement } from "./requirements.js";
import { checkAccess } from "./validator.js";
import type { TokenValidator } from "./validator.js";

/** What an endpoint demands. */
export interface AccessOptions<Asked = Request> {
  /** The scopes; `new AllOf("x:read")` or `new AnyOf("x:read", "x:write")`. */
  readonly require?: Requirement;
  /** Which consumers are admitted; all unless given. */
  readonly consumer?: (organisation: Organisation) => boolean;
  /**
   * The certificate (DER) that a request's connection proved, for tokens that are bound to one: of the TLS socket, or
   * `(request) => new CertificateHeader("Client-Cert", "rfc9440").in(request)` behind a proxy that sets this header.
   */
  readonly certificate?: (request: Asked) => Uint8Array | undefined;
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
      const clientCertificate = options.certificate?.(request);
      const beside = { method: request.method, url: request.url, dpop: lines(request, "dpop"), clientCertificate };
      const token = await admit(validator, options, lines(request, "authorization"), beside);
      return await handler(request, token, ...rest);
    } catch (error) {
      const challenge = challengeOf(error, validator, options);
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
  options: AccessOptions<IncomingMessage> = {},
): (request: AuthorizedRequest, response: ServerResponse, next: (error?: unknown) => void) => Promise<void> {
  return async (request, response, next) => {
    // Whatever put a token there before was not this check.
    delete request.accessToken;
    try {
      const { method, headersDistinct: headers } = request;
      const clientCertificate = options.certificate?.(request);
      const beside = { method, url: addressOf(request), dpop: headers["dpop"] ?? [], clientCertificate };
      request.accessToken = await admit(validator, options, headers["authorization"] ?? [], beside);
    } catch (error) {
      if (error instanceof AccessError) answer(response, challengeOf(error, validator, options));
      else next(error);
      return;
    }
    next();
  };
}

/** A header as lines; two come as one with a comma, which neither a token nor a proof has. */
function lines(request: Request, name: string): readonly string[] {
  const line = request.headers.get(name);
  return line === null ? [] : [line];
}

/** What the client wrote; Express takes the part away under which an application is mounted. */
function addressOf(request: IncomingMessage & { readonly originalUrl?: string }): string {
  return request.originalUrl ?? request.url ?? "";
}

/** What an endpoint demands, whatever its requests are. */
type Demands = AccessOptions<never>;

async function admit(
  validator: TokenValidator,
  options: Demands,
  authorization: readonly string[],
  beside: PresentedOptions,
): Promise<AccessToken> {
  const token = await validator.validateRequest(Presented.read(authorization, beside), options.require);
  checkAccess(token, undefined, options.consumer);
  return token;
}

function challengeOf(error: unknown, validator: TokenValidator, options: Demands): Challenge {
  if (!(error instanceof AccessError)) throw error;
  options.onRefusal?.(error);
  return validator.challenge(error, options.realm);
}

function answer(response: ServerResponse, challenge: Challenge): void {
  response.writeHead(challenge.status, { "Content-Type": "application/json", ...challenge.headers });
  response.end(JSON.stringify(challenge.body));
}
