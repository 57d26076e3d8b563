/** What a client makes of answers that are none, of answers that stand, and of what never answers. */

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import * as tillit from "../src/index.js";

const ISSUER = "https://authority.example.no/";
const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const SIGNER = tillit.fromJwk({ ...privateKey.export({ format: "jwk" }), kid: "key-1", alg: "ES256" });
const PAGE = (): Response => new Response("<html>", { headers: { "content-type": "text/html" } });

/** A client, the time, and what the authority answers. */
function place(answer: () => Response, signer: tillit.Signer = SIGNER, retry: Partial<tillit.RetryPolicy> = {}) {
  let asked = 0;
  const here = { time: 1_800_000_000, answer, asked: () => asked };
  const clock = { time: () => here.time, monotonic: () => here.time };
  const fetch = async (url: string): Promise<Response> => {
    await Promise.resolve();
    if (url.includes("well-known")) return Response.json({ issuer: ISSUER, token_endpoint: `${ISSUER}token` });
    asked += 1;
    return here.answer();
  };
  const config = { authority: ISSUER, clientId: "client-1", signer, defaultScopes: ["x:read"] };
  const client = new tillit.TokenClient(config, { fetch, clock, retry: { attempts: 1, ...retry } });
  return { here, client };
}

function good(lifetime = 600): Response {
  return Response.json({ access_token: "abc", token_type: "Bearer", expires_in: lifetime, scope: "x:read" });
}

test("whatever is answered, a token that lasts is handed out until it ends, but to who forces another", async () => {
  const answers = [
    PAGE,
    () => new Response("", { status: 302, headers: { location: "https://elsewhere.example/" } }),
    () => new Response("blocked", { status: 403 }),
    () => new Response("", { status: 404 }),
    () => Response.json({ error: "invalid_client" }, { status: 400 }),
  ];
  for (const answer of answers) {
    const { here, client } = place(good);
    const first = await client.get();
    here.time += 545;
    here.answer = answer;
    assert.equal(await client.get(), first);
    assert.equal(await client.get(), first);
    await assert.rejects(client.get(undefined, { force: true }), tillit.TokenError);
    here.time += 60;
    await assert.rejects(client.get(), tillit.TokenError);
  }
});

test("an answer that stands is not asked for again before its time", async () => {
  const busy = (status: number, headers: Record<string, string>) => () =>
    Response.json({ error: "temporarily_unavailable" }, { status, headers });
  const cases: [() => Response, number][] = [
    [PAGE, 5],
    [() => new Response("", { status: 404 }), 5],
    [busy(429, {}), 10],
    [busy(503, { "retry-after": "40" }), 40],
    [busy(503, { "retry-after": "4000" }), 60],
  ];
  for (const [answer, seconds] of cases) {
    const { here, client } = place(answer);
    for (let call = 0; call < 10; call += 1) await assert.rejects(client.get(), tillit.TokenError);
    assert.equal(here.asked(), 1);
    here.answer = good;
    here.time += seconds;
    assert.equal((await client.get()).value, "abc");
  }
});

test("a signer that hung once costs one attempt", async () => {
  let signed = 0;
  const hanging: tillit.Signer = {
    alg: SIGNER.alg,
    thumbprint: SIGNER.thumbprint,
    header: () => SIGNER.header(),
    sign: async (data) => {
      signed += 1;
      return signed === 1 ? new Promise<never>(() => undefined) : SIGNER.sign(data);
    },
  };
  const { client } = place(good, hanging, { attemptTimeout: 0.05 });
  // What is awaited keeps no process alive, so something else must.
  const alive = setInterval(() => undefined, 1000);
  try {
    await assert.rejects(client.get(), { name: "Unavailable", message: /too long/ });
    assert.equal((await client.get()).value, "abc");
  } finally {
    clearInterval(alive);
  }
});

test("no life is believed beyond a day", async () => {
  const { client } = place(() => good(Number.MAX_SAFE_INTEGER));
  assert.equal((await client.get()).lifetime, 86_400);
});
