/** An authority on loopback whose tokens are bound to keys, and an API for such tokens. */

import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify } from "jose";
import type { JWK } from "jose";
import * as tillit from "../src/index.js";
import { Issuing, keysOf, ManualClock, serving } from "./support.js";

/** The audience of its tokens. */
export const API = "https://api.example.no/";
const SIGNER = tillit.fromCallable("ES256", "k", () => new Uint8Array(64));

/** An authority that binds tokens to keys, which jose reads from the proofs. */
export class Binding {
  readonly forms: URLSearchParams[] = [];
  readonly proofs: string[] = [];
  readonly clock = new ManualClock();
  nonce = "";
  kind = "DPoP";
  issuer = "";

  constructor(readonly issuing: Issuing) {}

  static async start(context: TestContext): Promise<Binding> {
    const made = new Binding(await Issuing.start());
    made.issuer = await serving(context, (request, response) => void made.answer(request, response));
    return made;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.forms.push(new URLSearchParams(await text(request)));
    const proof = String(request.headers["dpop"]);
    this.proofs.push(proof);
    const told = (status: number, body: object) =>
      response.writeHead(status, this.nonce ? { "DPoP-Nonce": this.nonce } : {}).end(JSON.stringify(body));
    const options = { typ: "dpop+jwt", algorithms: ["ES256"], currentDate: new Date(this.clock.now * 1000) };
    const verified = await jwtVerify(proof, EmbeddedJWK, options).catch(() => undefined);
    if (verified === undefined) return void told(400, { error: "invalid_dpop_proof" });
    const { payload, protectedHeader } = verified;
    assert.deepEqual([payload["htm"], payload["htu"]], ["POST", `${this.issuer}token`]);
    if (this.nonce && payload["nonce"] !== this.nonce) return void told(400, { error: "use_dpop_nonce" });
    const jkt = await calculateJwkThumbprint(protectedHeader.jwk as JWK);
    const more = { cnf: { jkt }, jti: `token ${this.forms.length}` };
    const token = await this.issuing.token(this.issuer, API, more);
    told(200, { access_token: token, token_type: this.kind, expires_in: 600 });
  }

  client(config: Partial<tillit.ClientConfig> = {}, options: tillit.ClientOptions = {}): tillit.TokenClient {
    const authority = new tillit.Authority(this.issuer, { tokenEndpoint: `${this.issuer}token` });
    const settings = { authority, clientId: "c", signer: SIGNER, defaultScopes: ["x:read"], dpop: true, ...config };
    return new tillit.TokenClient(settings, { clock: this.clock, ...options });
  }

  validator(dpop: tillit.DpopVerifier): tillit.TokenValidator {
    const keys = keysOf({ keys: [this.issuing.jwk] }, this.clock);
    return new tillit.TokenValidator(new tillit.Policy(this.issuer, API), keys, { clock: this.clock, dpop });
  }
}

/** An API for such tokens, and the statuses that it answered with. */
export async function api(context: TestContext, binding: Binding, options: tillit.DpopOptions = {}) {
  const statuses: number[] = [];
  let guard: ReturnType<typeof tillit.bearerMiddleware> | undefined;
  const url = await serving(context, (request: tillit.AuthorizedRequest, response) => {
    response.on("finish", () => statuses.push(response.statusCode));
    void guard?.(request, response, () => response.end(request.accessToken?.jti));
  });
  guard = tillit.bearerMiddleware(binding.validator(new tillit.DpopVerifier(url, options)));
  return { url, statuses };
}
