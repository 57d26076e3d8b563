/** Status lists of an authority on loopback: asked for how often, and what happens while it is away. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import * as tillit from "../src/index.js";
import { Issuing, keysOf, ManualClock, NOW, serving, verdictOf } from "./support.js";

const API = "https://api.example.no/";

/** An API that looks tokens up at an authority, and what the latter was asked. */
async function setup(context: TestContext, options: tillit.StatusListsOptions = {}) {
  const issuing = await Issuing.start();
  const clock = new ManualClock();
  const state = { asked: [] as string[], away: false, list: "" };
  const issuer = await serving(context, (request, response) => {
    state.asked.push(`${request.url} ${request.headers.accept}`);
    response.writeHead(state.away ? 503 : 200).end(state.list);
  });
  const uri = `${issuer}status/1`;
  state.list = await issuing.statusList(uri, Uint8Array.of(0b10));
  const keys = keysOf({ keys: [issuing.jwk] }, clock);
  const lists = new tillit.StatusLists(issuer, keys, { clock, ...options });
  const status = new tillit.StatusCheck(new Map([[issuer, lists]]));
  const validator = new tillit.TokenValidator(new tillit.Policy(issuer, API), keys, { clock, status });
  const named = (idx: number, at = uri) => issuing.token(issuer, API, { status: { status_list: { idx, uri: at } } });
  return { issuing, clock, state, uri, lists, validator, named };
}

test("many who ask at once cause one request, and nobody asks again before the ttl is over", async (context) => {
  const { clock, state, validator, named } = await setup(context);
  const [good, bad] = [await named(0), await named(1)];
  await Promise.all(Array.from({ length: 20 }, () => validator.validate(good)));
  assert.equal(await verdictOf(validator.validate(bad)), "invalid_token");
  assert.deepEqual(state.asked, ["/status/1 application/statuslist+jwt"]);
  clock.now += 60;
  await validator.validate(good);
  assert.equal(state.asked.length, 2);
});

test("a token that was good is refused once its list says so", async (context) => {
  const { issuing, clock, state, uri, validator, named } = await setup(context);
  const token = await named(0);
  await validator.validate(token);
  state.list = await issuing.statusList(uri, Uint8Array.of(0b11));
  clock.now += 60;
  assert.equal(await verdictOf(validator.validate(token)), "invalid_token");
});

test("an old list stands in for a while, with rests between requests, and then the answer is 503", async (context) => {
  const { clock, state, validator, named } = await setup(context, { maxStale: 100, cooldown: 20 });
  const token = await named(0);
  await validator.validate(token);
  state.away = true;
  clock.now += 70;
  for (let tries = 0; tries < 3; tries += 1) await validator.validate(token);
  assert.equal(state.asked.length, 2);
  clock.now += 100;
  await assert.rejects(validator.validate(token), (error: tillit.AccessError) => {
    assert.ok(error instanceof tillit.StatusListUnavailable);
    assert.deepEqual(error.challenge(), {
      status: 503,
      headers: { "Retry-After": "1" },
      body: { error: "temporarily_unavailable", error_description: "Access tokens cannot be checked at the moment." },
    });
    return true;
  });
});

test("an old list is not believed beyond its own end", async (context) => {
  const { issuing, clock, state, uri, validator, named } = await setup(context, { maxStale: 1000 });
  state.list = await issuing.statusList(uri, Uint8Array.of(0), { exp: NOW + 65 });
  const token = await named(0);
  await validator.validate(token);
  state.away = true;
  clock.now += 64;
  await validator.validate(token);
  clock.now += 10;
  assert.equal(await verdictOf(validator.validate(token)), "temporarily_unavailable");
});

test("a list is not believed beyond its own end, were its ttl longer, and asked for again", async (context) => {
  const { issuing, clock, state, uri, validator, named } = await setup(context);
  state.list = await issuing.statusList(uri, Uint8Array.of(0), { exp: NOW + 20 });
  const token = await named(0);
  await validator.validate(token);
  state.list = await issuing.statusList(uri, Uint8Array.of(1), { iat: NOW + 20 });
  clock.now += 20;
  assert.equal(await verdictOf(validator.validate(token)), "invalid_token");
});

test("no more lists are kept than there is room for", async (context) => {
  const { issuing, state, uri, lists } = await setup(context, { capacity: 1 });
  const look = async (address: string) => {
    state.list = await issuing.statusList(address, Uint8Array.of(0));
    return lists.status({ uri: address, index: 0 });
  };
  for (const address of [uri, uri, `${uri}2`, uri]) assert.equal(await look(address), "valid");
  assert.equal(state.asked.length, 3);
});

test("a list of a mebibyte is read, and of a larger one no more is inflated", async (context) => {
  const { issuing, clock, state, uri, lists } = await setup(context);
  state.list = await issuing.statusList(uri, new Uint8Array(1024 * 1024));
  assert.equal(await lists.status({ uri, index: 8 * 1024 * 1024 - 1 }), "valid");
  clock.now += 60;
  state.list = await issuing.statusList(uri, new Uint8Array(1024 * 1024 + 1));
  await assert.rejects(lists.status({ uri, index: 0 }), tillit.StatusUnavailable);
});

test("nobody is asked at another address than the issuer's", async (context) => {
  const asked: string[] = [];
  const fetch = (url: string) => Promise.resolve((asked.push(url), new Response()));
  const { validator, named, uri } = await setup(context, { fetch });
  const elsewhere = [uri.replace("127.0.0.1", "localhost"), uri.replace(/:\d+\//, ":1/"), uri.replace("http", "https")];
  for (const address of [...elsewhere, "file:///etc/passwd"]) {
    assert.equal(await verdictOf(validator.validate(await named(0, address))), "temporarily_unavailable");
  }
  assert.deepEqual(asked, []);
});

test("tokens of an issuer whose lists are not known are refused if they name one", async (context) => {
  const { clock, issuing, uri } = await setup(context);
  const [issuer, lists] = ["https://authority.example.no/", new Map<string, tillit.StatusLists>()];
  const keys = keysOf({ keys: [issuing.jwk] }, clock);
  const options = { clock, status: new tillit.StatusCheck(lists) };
  const validator = new tillit.TokenValidator(new tillit.Policy(issuer, API), keys, options);
  await validator.validate(await issuing.token(issuer, API));
  const named = await issuing.token(issuer, API, { status: { status_list: { idx: 0, uri } } });
  assert.equal(await verdictOf(validator.validate(named)), "invalid_token");
});

test("settings that cannot work are refused", () => {
  const keys = keysOf({ keys: [] }, new ManualClock());
  for (const options of [{ capacity: 0 }, { within: 0 }, { maxStale: -1 }, { cooldown: NaN }]) {
    assert.throws(() => new tillit.StatusLists("https://a.example.no/", keys, options), tillit.ConfigError);
  }
  assert.throws(() => new tillit.StatusCheck(new Map(), "sometimes" as tillit.StatusMode), tillit.ConfigError);
});
