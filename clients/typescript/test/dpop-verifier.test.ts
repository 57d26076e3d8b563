/** What a verifier of DPoP proofs rests on: addresses, the memory of used proofs, nonces. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { normalHtu, NotAnAddress } from "../src/htu.js";
import * as tillit from "../src/index.js";
import { NOW } from "./support.js";

const SECRET = new Uint8Array(32).fill(7);

test("equal addresses have one spelling", () => {
  const spellings: Record<string, string> = {
    "HTTPS://API.Example.NO:443/a/./b/../c/%7e%2f%c3?q#f": "https://api.example.no/a/c/~%2F%C3",
    "http://api.example.no": "http://api.example.no/",
    "http://api.example.no:8080?q": "http://api.example.no:8080/",
    "https://api.example.no:/a/..": "https://api.example.no/",
    "https://api.example.no:00443/a//b/": "https://api.example.no/a//b/",
    "https://[0:0::1]:80/.": "https://[::1]:80/",
    "https://api.example.no/a/%2e%2e/b": "https://api.example.no/b",
    "https://api.example.no/../../a": "https://api.example.no/a",
  };
  for (const [given, normal] of Object.entries(spellings)) assert.equal(normalHtu(given), normal);
});

test("what is no address, or could be read in two ways, is refused", () => {
  const host = "https://api.example.no";
  const refused = ["", "/a", "api.example.no/a", "ftp://api.example.no/", "https:/a", "https:///a", "https://u@h/", `${host}:x/`];
  const more = [`${host}:65536/`, `${host}/%`, `${host}/%4`, `${host}/%zz`, `${host}/a b`, `${host}\\a`, `${host}/æ`, `${host}/|`];
  const odd = ["https://[::g]/", "https://[::1]x/", "https://h:1:2/", "https://æ.no/", ` ${host}`, `${host}/\n`];
  for (const given of [...refused, ...more, ...odd, `${host}/${"a".repeat(2048)}`]) {
    assert.throws(() => normalHtu(given), NotAnAddress, given);
  }
});

test("a proof is used once, and is forgotten when it is too old to be taken", () => {
  const memory = new tillit.RecentProofs();
  assert.equal(memory.firstUse("a", NOW, NOW, NOW - 70), true);
  assert.equal(memory.firstUse("a", NOW, NOW + 5, NOW - 65), false);
  assert.equal(memory.firstUse("b", NOW + 100, NOW + 100, NOW + 30), true);
  assert.equal(memory.size, 1);
});

test("a memory that is full refuses older proofs, and never takes one twice", () => {
  const memory = new tillit.RecentProofs(4);
  const use = (digest: string, second: number) => memory.firstUse(digest, NOW + second, NOW + 4, NOW - 66);
  assert.deepEqual([use("a", 0), use("b", 1), use("c", 1), use("d", 2)], [true, true, true, true]);
  assert.equal(use("e", 3), true);
  assert.deepEqual([use("a", 0), use("new", 0), use("b", 1)], [false, false, false]);
  assert.ok(memory.size <= 4);
  for (let number = 0; number < 20; number += 1) use(`flood ${number}`, 4);
  assert.deepEqual([use("b", 1), use("d", 2), use("e", 3)], [false, false, false]);
});

test("a nonce is good for its life, and only under the secret that made it", () => {
  const nonces = new tillit.DpopNonces(SECRET, 300);
  const nonce = nonces.make(NOW);
  assert.deepEqual(
    [NOW - 61, NOW - 60, NOW, NOW + 300, NOW + 301].map((now) => nonces.holds(nonce, now)),
    [false, true, true, true, false],
  );
  assert.equal(new tillit.DpopNonces(SECRET.map(() => 8)).holds(nonce, NOW), false);
  for (const other of ["", "x", nonce.slice(0, -2), `${nonce}AA`, nonce.replace(/^.{4}/, "AAAB")]) {
    assert.equal(nonces.holds(other, NOW), false);
  }
});

test("settings that cannot work are refused", () => {
  const api = "https://api.example.no";
  for (const bases of [[], "api.example.no", "ftp://api.example.no", ""]) {
    assert.throws(() => new tillit.DpopVerifier(bases), tillit.ConfigError);
  }
  for (const options of [{ algorithms: [] }, { algorithms: ["HS256"] }, { maxAge: 0 }, { maxAge: 3601 }, { leeway: -1 }]) {
    assert.throws(() => new tillit.DpopVerifier(api, options), tillit.ConfigError);
  }
  assert.throws(() => new tillit.RecentProofs(0), tillit.ConfigError);
  assert.throws(() => new tillit.DpopNonces(new Uint8Array(31)), tillit.ConfigError);
  assert.throws(() => new tillit.DpopNonces(SECRET, 0), tillit.ConfigError);
});
