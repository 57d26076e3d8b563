/** The client of tokens that are bound to a key, with an authority and an API on loopback. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { inspect } from "node:util";
import { calculateJwkThumbprint, decodeJwt, EmbeddedJWK, exportJWK, generateKeyPair, jwtVerify } from "jose";
import type { JWK } from "jose";
import * as tillit from "../src/index.js";
import { API, api, Binding } from "./binding.js";

test("a bound token is got and served, and nobody else can use it", async (context) => {
  const binding = await Binding.start(context);
  const { url } = await api(context, binding);
  const client = binding.client();
  const call = tillit.dpopFetch(client);
  assert.equal(await (await call(`${url}things?page=2`)).text(), "token 1");
  assert.equal(await (await call(`${url}things`, { method: "POST", body: "x" })).text(), "token 1");
  const token = await client.get();
  assert.equal(token.authorization, `DPoP ${token.value}`);
  const headers = (await client.prover?.headers("GET", `${url}things`, token)) ?? {};
  assert.equal((await fetch(`${url}things`, { headers })).status, 200);
  const replayed = await fetch(`${url}things`, { headers });
  assert.equal(replayed.status, 401);
  assert.equal(
    replayed.headers.get("www-authenticate"),
    'DPoP error="invalid_dpop_proof", error_description="The DPoP proof is not valid for this request.", ' +
      'algs="ES256 ES384 Ed25519 PS256 RS256"',
  );
  const stolen = await fetch(url, { headers: { Authorization: `Bearer ${token.value}` } });
  assert.equal(stolen.status, 401);
  assert.match(stolen.headers.get("www-authenticate") ?? "", /^Bearer error="invalid_token".*, DPoP algs="ES256/);
  const other = binding.client().prover as tillit.Prover;
  const answer = await fetch(url, { headers: await other.headers("GET", url, token) });
  assert.match(answer.headers.get("www-authenticate") ?? "", /^DPoP error="invalid_token"/);
});

test("nonces of the authority and of the API are taken up, and remembered", async (context) => {
  const binding = await Binding.start(context);
  const nonces = new tillit.DpopNonces(new Uint8Array(32));
  const { url, statuses } = await api(context, binding, { nonces });
  binding.nonce = "first";
  const client = binding.client();
  const call = tillit.dpopFetch(client);
  assert.equal((await call(url)).status, 200);
  assert.equal((await call(url)).status, 200);
  assert.deepEqual(statuses, [401, 200, 200]);
  await client.get(undefined, { force: true });
  assert.deepEqual(binding.proofs.map((proof) => decodeJwt(proof)["nonce"]), [undefined, "first", "first"]);
  assert.equal(new Set(binding.proofs.map((proof) => decodeJwt(proof).jti)).size, 3);
  assert.equal(new Set(binding.forms.map((form) => decodeJwt(form.get("assertion") ?? "").jti)).size, 3);
  binding.clock.now += 301;
  assert.equal((await call(url)).status, 200);
  assert.deepEqual(statuses.slice(3), [401, 200]);
});

test("an authority that asks for nonce after nonce is not asked for ever", async (context) => {
  const binding = await Binding.start(context);
  Object.defineProperty(binding, "nonce", { get: () => `${Math.random()}` });
  await assert.rejects(binding.client().get(), { name: "Rejected", code: "use_dpop_nonce" });
  assert.equal(binding.proofs.length, 2);
});

test("who asks for a nonce and gives none is asked once", async (context) => {
  const binding = await Binding.start(context);
  binding.nonce = "wanted";
  const silent = async (url: string, init: RequestInit) => {
    const { status, body } = await fetch(url, init);
    return new Response(body, { status });
  };
  await assert.rejects(binding.client({}, { fetch: silent }).get(), { code: "use_dpop_nonce" });
  assert.equal(binding.proofs.length, 1);
  let asked = 0;
  const refusing = () => {
    asked += 1;
    const headers = { "WWW-Authenticate": 'DPoP error="use_dpop_nonce"' };
    return Promise.resolve(new Response(null, { status: 401, headers }));
  };
  assert.equal((await tillit.dpopFetch(binding.client(), "x:read", refusing)(API)).status, 401);
  assert.equal(asked, 1);
});

test("a bearer token in answer to a proof is refused, unless it may be one", async (context) => {
  const binding = await Binding.start(context);
  binding.kind = "Bearer";
  await assert.rejects(binding.client().get(), tillit.MalformedResponse);
  const token = await binding.client({ dpopOptional: true }).get();
  assert.equal(token.authorization, `Bearer ${token.value}`);
  binding.kind = "dpop";
  assert.equal((await binding.client().get()).tokenType, "DPoP");
  await assert.rejects(binding.client({ dpop: false }).get(), { name: "Rejected", code: "invalid_dpop_proof" });
});

test("tokens of different keys are kept apart in a store, and stay bound there", async (context) => {
  const binding = await Binding.start(context);
  const kept = new Map<string, string>();
  const store: tillit.TokenStore = {
    get: (key) => Promise.resolve(kept.get(key)),
    put: (key, value) => Promise.resolve(void kept.set(key, value)),
    drop: (key) => Promise.resolve(void kept.delete(key)),
  };
  const dpop = tillit.DpopKey.generate();
  const [one, same, other] = [{ dpop }, { dpop }, {}].map((config) => binding.client(config, { store }).get());
  assert.equal((await one)?.value === (await other)?.value, false);
  assert.equal((await same)?.authorization.startsWith("DPoP "), true);
  assert.equal((await binding.client({ dpop }, { store }).get()).authorization.startsWith("DPoP "), true);
  assert.equal(kept.size, 2);
});

test("an API that refuses a token is shown a new one, once, and a stream is never sent twice", async (context) => {
  const binding = await Binding.start(context);
  const client = binding.client();
  const sent: string[] = [];
  const call = tillit.dpopFetch(client, "x:read", async (request) => {
    sent.push(`${request.redirect} ${await request.text()}`);
    assert.match(request.headers.get("authorization") ?? "", /^DPoP /);
    return new Response(null, { status: 401, headers: { "WWW-Authenticate": 'DPoP error="invalid_token"' } });
  });
  await call(API, { method: "POST", body: "young" });
  binding.clock.now += 10;
  await call(API, { method: "POST", body: "old" });
  binding.clock.now += 10;
  await call(API, { method: "POST", body: new Blob(["stream"]).stream(), duplex: "half" } as RequestInit);
  await call(new Request(API, { method: "POST", body: "in a request" }));
  assert.deepEqual(sent, ["manual young", "manual old", "manual old", "manual stream", "manual in a request"]);
  assert.equal(binding.forms.length, 2);
  assert.throws(() => tillit.dpopFetch(binding.client({ dpop: false })), tillit.ConfigError);
});

test("a key comes new, as JWK and as PEM, and is shown by nothing", async () => {
  for (const alg of ["ES256", "ES384", "Ed25519"]) {
    const key = tillit.DpopKey.generate(alg);
    const proof = await key.proof("GET", "https://API.example.no:443/a?b#c", { now: 1.5, nonce: "n", token: "t" });
    const options = { typ: "dpop+jwt", currentDate: new Date(1500) };
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, options);
    const { jti, ...claims } = payload;
    const ath = createHash("sha256").update("t").digest("base64url");
    assert.ok(jti);
    assert.deepEqual(claims, { htm: "GET", htu: "https://api.example.no/a", iat: 1, nonce: "n", ath });
    assert.equal(await calculateJwkThumbprint(protectedHeader.jwk as JWK), key.thumbprint);
    assert.equal("d" in (protectedHeader.jwk ?? {}), false);
  }
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const jwk = await exportJWK(privateKey);
  const key = tillit.DpopKey.fromJwk(jwk);
  const pem = Buffer.from(await crypto.subtle.exportKey("pkcs8", privateKey)).toString("base64");
  const same = tillit.DpopKey.fromPem(`-----BEGIN PRIVATE KEY-----\n${pem}\n-----END PRIVATE KEY-----`);
  assert.equal(same.thumbprint, key.thumbprint);
  const shown = inspect(key, { depth: 9, showHidden: true }) + JSON.stringify(key);
  assert.ok(!shown.includes(String(jwk.d)));
  assert.throws(() => tillit.DpopKey.generate("RS256"), tillit.ConfigError);
  await assert.rejects(key.proof("GET", "/things", { now: 1 }), tillit.ConfigError);
});

test("the setting for a key is true or false", async () => {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const key = JSON.stringify(await exportJWK(privateKey));
  const settings = { TILLIT_CLIENT_ID: "c", TILLIT_CLIENT_JWK: key, TILLIT_ISSUER: "https://authority.example.no/" };
  const read = (TILLIT_DPOP: string) => tillit.configFromEnv(undefined, { ...settings, TILLIT_DPOP }).dpop;
  assert.deepEqual(["true", "1", "no", ""].map(read), [true, true, false, false]);
  assert.throws(() => read("on"), { message: "TILLIT_DPOP: must be true or false" });
});
