/** The adapters and the keys: who is served, who is challenged, and who is asked for keys how often. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import * as tillit from "../src/index.js";

const FILE = new URL("../../../vectors/access-tokens.json", import.meta.url);
const vectors = JSON.parse(readFileSync(FILE, "utf8")) as {
  jwks: unknown;
  cases: { name: string; now: number; token: string }[];
};
const [good] = vectors.cases;
const unknownKey = vectors.cases.find((one) => one.name.endsWith("key id unknown"));
if (good === undefined || unknownKey === undefined) throw new Error("the vectors have changed");
const [ISSUER, API] = ["https://authority.example.no/", "https://api.example.no/"];

/** A validator, and the requests for keys that it has made; `away` makes them fail. */
function guarded() {
  const state = { asked: 0, away: false, time: good?.now ?? 0 };
  const clock = { time: () => state.time, monotonic: () => state.time };
  const fetch = () => {
    state.asked += 1;
    return state.away ? Promise.reject(new Error("away")) : Promise.resolve(Response.json(vectors.jwks));
  };
  const jwks = new tillit.JwksSource(`${ISSUER}jwk`, { fetch, clock });
  return { state, validator: new tillit.TokenValidator(new tillit.Policy(ISSUER, API), jwks, { clock }) };
}

test("a server of node:http serves a good token and challenges the rest", async () => {
  const guard = tillit.bearerMiddleware(guarded().validator, { require: new tillit.AllOf("example:read"), realm: "x" });
  const strict = tillit.bearerMiddleware(guarded().validator, { require: new tillit.AllOf("other:scope") });
  const server = createServer((request: tillit.AuthorizedRequest, response) => {
    const chosen = request.url === "/strict" ? strict : guard;
    void chosen(request, response, () => response.end(request.accessToken?.consumer.number));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ask = (path: string, headers: Record<string, string>) => fetch(base + path, { headers });
  const authorization = `Bearer ${good.token}`;
  assert.equal(await (await ask("/", { authorization: `bearer ${good.token}` })).text(), "991825827");
  const bare = await ask("/", {});
  assert.deepEqual([bare.status, bare.headers.get("www-authenticate")], [401, 'Bearer realm="x"']);
  const lacking = await ask("/strict", { authorization });
  assert.equal(lacking.status, 403);
  assert.match(lacking.headers.get("www-authenticate") ?? "", /error="insufficient_scope".* scope="other:scope"/);
  const twice = await ask("/", { authorization: `${authorization}, ${authorization}` });
  assert.equal(twice.status, 400);
  server.close();
  server.closeAllConnections();
});

test("a handler of Request is told the token, and what it throws is its own", async () => {
  const handler = tillit.protect(guarded().validator, { consumer: () => false }, () => new Response());
  const request = new Request(API, { headers: { authorization: `Bearer ${good.token}` } });
  assert.equal((await handler(request)).status, 403);
  const failing = tillit.protect(guarded().validator, {}, () => Promise.reject(new Error("its own")));
  await assert.rejects(failing(request), { message: "its own" });
});

test("invented key ids cause one request for keys, and a rotation is seen after the cooldown", async () => {
  const { state, validator } = guarded();
  await validator.validate(good.token);
  for (let tries = 0; tries < 20; tries += 1) await assert.rejects(validator.validate(unknownKey.token));
  assert.equal(state.asked, 2);
});

test("known keys serve while the authority is away, and without keys the answer is 503", async () => {
  const { state, validator } = guarded();
  await validator.validate(good.token);
  state.away = true;
  state.time += 500;
  assert.equal((await validator.validate(good.token)).consumer.number, "991825827");
  const cold = guarded();
  cold.state.away = true;
  await assert.rejects(cold.validator.validate(good.token), (error: tillit.AccessError) => {
    assert.deepEqual(error.challenge().headers, { "Retry-After": "1" });
    return error.status === 503;
  });
});
