/** The token client against an authority in this process. */

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { inspect } from "node:util";
import { decodeJwt, decodeProtectedHeader } from "jose";
import * as tillit from "../src/index.js";

const ISSUER = "https://authority.example.no/";
const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const JWK = { ...privateKey.export({ format: "jwk" }), kid: "key-1", alg: "ES256" };
const TOKEN = `${"a".repeat(20)}.${"b".repeat(20)}.secret`;

/** Answers from `answers`, the last one for ever, and what was sent. */
class Stub {
  readonly assertions: string[] = [];
  time = 1_800_000_000;
  readonly clock = { time: () => this.time, monotonic: () => this.time };
  readonly waits: number[] = [];

  constructor(readonly answers: (() => Response)[] = [good]) {}

  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    await Promise.resolve();
    assert.equal(init.redirect, "manual");
    if (url.includes("well-known")) return Response.json({ issuer: ISSUER, token_endpoint: `${ISSUER}token` });
    this.assertions.push(String((init.body as URLSearchParams).get("assertion")));
    return (this.answers.length > 1 ? this.answers.shift() : this.answers[0])?.() as Response;
  };

  client(config: Partial<tillit.ClientConfig> = {}, options: tillit.ClientOptions = {}): tillit.TokenClient {
    const wait = (seconds: number) => Promise.resolve((this.waits.push(seconds), (this.time += seconds)));
    return new tillit.TokenClient(
      { authority: ISSUER, clientId: "client-1", signer: tillit.fromJwk(JWK), defaultScopes: ["x:read"], ...config },
      { fetch: this.fetch, clock: this.clock, wait, ...options },
    );
  }
}

function good(): Response {
  return Response.json({ access_token: TOKEN, token_type: "Bearer", expires_in: 600, scope: "x:read" });
}

function refusal(status: number, description: string, headers: Record<string, string> = {}): () => Response {
  return () => Response.json({ error: "invalid_grant", error_description: description }, { status, headers });
}

test("fifty callers of a cold client cause one request, and two requests cause two", async () => {
  const stub = new Stub();
  const client = stub.client();
  const tokens = await Promise.all(Array.from({ length: 50 }, () => client.get()));
  assert.equal(new Set(tokens).size, 1);
  assert.equal(stub.assertions.length, 1);
  await client.get(new tillit.TokenRequest("x:read", { consumerOrg: "991825827" }));
  assert.equal(stub.assertions.length, 2);
});

test("an assertion says all that was asked for, under the registered key", async () => {
  const stub = new Stub();
  const authorizationDetails = [{ type: "urn:altinn:systemuser" }];
  const options = { resource: "https://api.example.no/", consumerOrg: "991825827", authorizationDetails };
  await stub.client().get(new tillit.TokenRequest("x:read x:write", options));
  const [assertion = ""] = stub.assertions;
  assert.deepEqual(decodeProtectedHeader(assertion), { alg: "ES256", typ: "JWT", kid: "key-1" });
  const { jti, ...claims } = decodeJwt(assertion);
  assert.ok(jti);
  assert.deepEqual(claims, {
    iss: "client-1",
    aud: ISSUER,
    iat: 1_800_000_000,
    exp: 1_800_000_120,
    scope: "x:read x:write",
    resource: "https://api.example.no/",
    consumer_org: "991825827",
    authorization_details: authorizationDetails,
  });
});

test("a failed attempt is repeated with an assertion of its own, after what Retry-After says", async () => {
  const stub = new Stub([refusal(503, "busy", { "Retry-After": "2" }), refusal(500, "broken"), good]);
  assert.equal((await stub.client().get()).authorization, `Bearer ${TOKEN}`);
  assert.equal(new Set(stub.assertions.map((assertion) => decodeJwt(assertion).jti)).size, 3);
  assert.equal(stub.waits[0], 2);
  assert.ok((stub.waits[1] ?? 9) <= 0.4);
});

test("attempts end after three, and with a wait that the deadline has no room for", async () => {
  const stub = new Stub([refusal(503, "busy")]);
  await assert.rejects(stub.client().get(), tillit.Unavailable);
  assert.equal(stub.assertions.length, 3);
  const slow = new Stub([refusal(429, "slow down", { "Retry-After": "30" })]);
  await assert.rejects(slow.client().get(), { name: "Throttled", retryAfter: 30 });
  assert.equal(slow.assertions.length, 1);
});

test("a refusal has code, hint and trace id, and is remembered until it is forced or old", async () => {
  const stub = new Stub([refusal(400, "MP-251: No delegation (trace_id: 0123456789abcdef)")]);
  const client = stub.client();
  const wanted = { mpCode: "MP-251", traceId: "0123456789abcdef", code: "invalid_grant", remembered: false };
  await assert.rejects(client.get(), { ...wanted, hint: "Ask the consumer to delegate the scope to your organisation." });
  await assert.rejects(client.get(), { name: "Rejected", mpCode: "MP-251", remembered: true });
  assert.equal(stub.assertions.length, 1);
  await assert.rejects(client.get(undefined, { force: true }), wanted);
  stub.time += 61;
  await assert.rejects(client.get(), wanted);
  assert.equal(stub.assertions.length, 3);
});

test("a token is renewed behind its callers, who wait only for one that is nearly spent", async () => {
  const stub = new Stub();
  const client = stub.client();
  const first = await client.get();
  stub.time += 400;
  assert.equal(await client.get(), first);
  assert.equal(stub.assertions.length, 1);
  stub.time += 100;
  assert.equal(await client.get(), first);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(stub.assertions.length, 2);
  assert.notEqual(await client.get(), first);
  stub.time += 541;
  await client.get();
  assert.equal(stub.assertions.length, 3);
});

test("an authority that is away costs no token while the one at hand lives", async () => {
  const stub = new Stub([good, refusal(503, "away")]);
  const client = stub.client();
  const first = await client.get();
  stub.time += 560;
  assert.equal(await client.get(), first);
  stub.time += 60;
  await assert.rejects(client.get(), tillit.Unavailable);
});

test("clients that share a store ask once, and a store that fails costs no token", async () => {
  const stub = new Stub();
  const kept = new Map<string, string>();
  const store: tillit.TokenStore = {
    get: (key) => Promise.resolve(kept.get(key)),
    put: (key, value) => Promise.resolve(void kept.set(key, value)),
    drop: (key) => Promise.resolve(void kept.delete(key)),
  };
  const token = await stub.client({}, { store }).get();
  assert.equal((await stub.client({}, { store }).get()).value, token.value);
  assert.equal(stub.assertions.length, 1);
  await stub.client({}, { store }).invalidate(token);
  assert.equal(kept.size, 0);
  const broken = () => Promise.reject(new Error("away"));
  await stub.client({}, { store: { get: broken, put: broken, drop: broken } }).get();
  assert.equal(stub.assertions.length, 2);
});

test("a refusal for time is followed by an assertion of the authority's time, within bounds", async () => {
  const dated = (ahead: number) => () =>
    refusal(400, "MP-130: time", { Date: new Date((1_800_000_000 + ahead) * 1000).toUTCString() })();
  const issuedAt = (stub: Stub) => stub.assertions.map((assertion) => (decodeJwt(assertion).iat ?? 0) - 1_800_000_000);
  const stub = new Stub([dated(200), good]);
  await stub.client().get();
  assert.deepEqual(issuedAt(stub), [0, 200]);
  const stubborn = new Stub([dated(-60)]);
  await assert.rejects(stubborn.client().get(), { mpCode: "MP-130" });
  assert.deepEqual(issuedAt(stubborn), [0, -60]);
  for (const ahead of [4, 901]) {
    const other = new Stub([dated(ahead)]);
    await assert.rejects(other.client().get(), { mpCode: "MP-130" });
    assert.deepEqual(issuedAt(other), [0]);
  }
});

test("a caller's deadline ends its wait and not the fetch", async () => {
  const stub = new Stub();
  const client = stub.client();
  await assert.rejects(client.get(undefined, { signal: AbortSignal.abort() }), tillit.Unavailable);
  await client.get();
  assert.equal(stub.assertions.length, 1);
});

test("metadata of another issuer is not believed, nor is a redirect followed", async () => {
  const other = () => Promise.resolve(Response.json({ issuer: "https://evil.example.no/", token_endpoint: ISSUER }));
  await assert.rejects(new Stub().client({}, { fetch: other }).get(), tillit.MalformedResponse);
  const moved = () => Promise.resolve(new Response(null, { status: 302, headers: { Location: "https://e.example.no/" } }));
  await assert.rejects(new Stub().client({}, { fetch: moved }).get(), tillit.MalformedResponse);
});

test("settings are read from one family of names, and faults name variables and no values", () => {
  const MASKINPORTEN = { MASKINPORTEN_CLIENT_ID: "c", MASKINPORTEN_CLIENT_JWK: JSON.stringify(JWK) };
  const environment = { ...MASKINPORTEN, MASKINPORTEN_ISSUER: ISSUER, MASKINPORTEN_SCOPES: "a b" };
  assert.deepEqual(tillit.configFromEnv(undefined, environment).defaultScopes, ["a", "b"]);
  const mixed = { ...environment, TILLIT_CLIENT_ID: "c", TILLIT_CLIENT_JWK: "very-secret" };
  assert.throws(() => tillit.configFromEnv(undefined, mixed), (error: Error) => {
    assert.match(error.message, /TILLIT_CLIENT_JWK: .*; TILLIT_\*: .*TILLIT_ISSUER or ENVIRONMENT is not set/);
    return !error.message.includes("very-secret");
  });
});

test("an environment of Maskinporten has a name, and a client can be switched off", () => {
  const settings = { TILLIT_CLIENT_ID: "c", TILLIT_CLIENT_JWK: JSON.stringify(JWK), TILLIT_SCOPE: "x:read" };
  const read = (more: Record<string, string>) => tillit.configFromEnv(undefined, { ...settings, ...more });
  const found = read({ TILLIT_ENVIRONMENT: "test", TILLIT_ENABLED: "true" });
  assert.deepEqual((found.authority as tillit.Discovery).issuers, ["https://test.maskinporten.no/"]);
  assert.deepEqual(found.defaultScopes, ["x:read"]);
  const named = read({ TILLIT_ENVIRONMENT: "staging", TILLIT_ISSUER: ISSUER });
  assert.deepEqual((named.authority as tillit.Discovery).issuers, [ISSUER]);
  assert.throws(() => read({ TILLIT_ENVIRONMENT: "staging" }), /ENVIRONMENT must be one of prod, test/);
  assert.throws(() => tillit.configFromEnv(undefined, { TILLIT_ENABLED: "no" }), /TILLIT_ENABLED is false/);
  assert.throws(() => read({ TILLIT_ISSUER: ISSUER, TILLIT_ENABLED: "off" }), /TILLIT_ENABLED: must be true or false/);
  assert.throws(() => read({ TILLIT_ISSUER: ISSUER, TILLIT_ALLOW_HTTP: "on" }), /TILLIT_ALLOW_HTTP: must be true or false/);
});

test("keys come as JWK, PEM and base64, and a function signs for a key nobody can read", async () => {
  const pem = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  const sec1 = privateKey.export({ format: "pem", type: "sec1" }).toString().replaceAll("\n", "\\n");
  const texts = [pem, sec1, JSON.stringify(JWK), Buffer.from(JSON.stringify(JWK)).toString("base64")];
  const prints = texts.map((text) => tillit.fromText(text, { kid: "k" }).thumbprint);
  assert.equal(new Set(prints).size, 1);
  assert.throws(() => tillit.fromJwk({ kty: "oct", k: "AA", d: "AA" }), tillit.ConfigError);
  const stub = new Stub();
  await stub.client({ signer: tillit.fromCallable("ES256", "kms", () => new Uint8Array(64)) }).get();
  assert.equal(decodeProtectedHeader(stub.assertions[0] ?? "").kid, "kms");
  const failing = tillit.fromCallable("ES256", "kms", () => Promise.reject(new Error("secret of the service")));
  await assert.rejects(stub.client({ signer: failing }).get(), { message: "the signer failed: Error" });
});

test("neither inspection nor JSON nor an error shows a token, a key or a person", async () => {
  const stub = new Stub([good, refusal(400, `bad ${TOKEN}`)]);
  const client = stub.client();
  const request = new tillit.TokenRequest("x:read", { pid: "12345678901" });
  const token = await client.get(request);
  const error = await client.get("y").catch((caught: unknown) => caught);
  for (const thing of [client, token, tillit.fromJwk(JWK), request, error]) {
    const shown = inspect(thing, { depth: 9, showHidden: true }) + JSON.stringify(thing) + String(thing);
    for (const secret of [TOKEN, String(JWK["d"]), "12345678901"]) assert.ok(!shown.includes(secret), shown);
  }
});
