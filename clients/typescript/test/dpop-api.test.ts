/** An API for tokens that are bound to a key: what it asks for, and what it goes by. */

import assert from "node:assert/strict";
import { test } from "node:test";
import * as tillit from "../src/index.js";
import { API, api, Binding } from "./binding.js";
import { keysOf, serving } from "./support.js";

test("where proof is required, a token that is not bound is refused", async (context) => {
  const binding = await Binding.start(context);
  const plain = await binding.issuing.token(binding.issuer, API);
  const presented = new tillit.Presented("Bearer", plain);
  const taken = binding.validator(new tillit.DpopVerifier(API));
  assert.equal((await taken.validateRequest(presented)).clientId, "c");
  const strict = binding.validator(new tillit.DpopVerifier(API, { required: true }));
  await assert.rejects(strict.validateRequest(presented), tillit.InvalidToken);
  assert.equal((await strict.validate(plain)).clientId, "c");
});

test("a proof is checked by path alone, behind a proxy that takes a part of it away", async (context) => {
  const binding = await Binding.start(context);
  const client = binding.client();
  const prover = client.prover as tillit.Prover;
  const token = await client.get();
  const memory: tillit.ProofMemory = { firstUse: () => Promise.resolve(true) };
  const verifier = new tillit.DpopVerifier(["https://api.example.no/v1/", API], { memory });
  const handler = tillit.protect(binding.validator(verifier), {}, () => new Response());
  const headers = await prover.headers("GET", `${API}v1/things`, token);
  assert.equal((await handler(new Request("http://10.0.0.1:8080/things?x", { headers }))).status, 200);
  assert.equal((await handler(new Request("https://api.example.no/other", { headers }))).status, 401);
  const elsewhere = await prover.headers("GET", "https://evil.example.no/things", token);
  assert.equal((await handler(new Request("https://evil.example.no/things", { headers: elsewhere }))).status, 401);
});

test("a bound token is looked up and must have the scopes too, and the refusal is of its scheme", async (context) => {
  const binding = await Binding.start(context);
  const client = binding.client();
  const [prover, token] = [client.prover as tillit.Prover, await client.get()];
  const keys = keysOf({ keys: [binding.issuing.jwk] }, binding.clock);
  const status = new tillit.StatusCheck(new Map(), "must-check");
  const settings = { clock: binding.clock, dpop: new tillit.DpopVerifier(API) };
  const policy = new tillit.Policy(binding.issuer, API);
  const refusal = async (options: tillit.ValidatorOptions, require: tillit.Requirement) => {
    const { Authorization, DPoP } = await prover.headers("GET", API, token);
    const presented = tillit.Presented.read([Authorization ?? ""], { method: "GET", url: "/", dpop: [DPoP ?? ""] });
    const validator = new tillit.TokenValidator(policy, keys, { ...settings, ...options });
    await assert.rejects(validator.validate(token.value), tillit.InvalidToken);
    const caught: unknown = await validator.validateRequest(presented, require).catch((error: unknown) => error);
    return caught instanceof tillit.AccessError ? `${caught.scheme} ${caught.code}` : "ok";
  };
  const [read, write] = [new tillit.AllOf("x:read"), new tillit.AllOf("x:write")];
  assert.equal(await refusal({}, read), "ok");
  assert.equal(await refusal({}, write), "DPoP insufficient_scope");
  assert.equal(await refusal({ status }, read), "DPoP invalid_token");
  const { dpop: _, ...without } = settings;
  const bare = new tillit.TokenValidator(policy, keys, without);
  await assert.rejects(bare.validateRequest(new tillit.Presented("DPoP", token.value)), tillit.MissingToken);
});

test("an application that Express has mounted checks the address that the client wrote", async (context) => {
  const binding = await Binding.start(context);
  let guard: ReturnType<typeof tillit.bearerMiddleware> | undefined;
  const url = await serving(context, (request, response) => {
    const mounted = Object.assign(request, { originalUrl: request.url, url: request.url?.replace(/^\/v1/, "") });
    void guard?.(mounted, response, () => response.end());
  });
  guard = tillit.bearerMiddleware(binding.validator(new tillit.DpopVerifier(url)));
  assert.equal((await tillit.dpopFetch(binding.client())(`${url}v1/things`)).status, 200);
});

test("what a memory of proofs cannot tell is a 503", async (context) => {
  const binding = await Binding.start(context);
  const memory = { firstUse: () => Promise.reject(new tillit.ProofsUnavailable("away", 3)) };
  const { url } = await api(context, binding, { memory });
  const answer = await tillit.dpopFetch(binding.client())(url);
  assert.deepEqual([answer.status, answer.headers.get("retry-after")], [503, "3"]);
});
