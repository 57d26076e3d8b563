/** What a verifier of DPoP proofs rests on: addresses, the memory of used proofs, nonces. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from "jose";
import { asksForAnotherToken, namesError } from "../src/challenges.js";
import { normalHtu, NotAnAddress } from "../src/htu.js";
import * as tillit from "../src/index.js";
import { accessTokenHash } from "../src/dpop-proof.js";
import { NOW, verdictOf } from "./support.js";

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
  const refused = ["", "/a", "api.example.no/a", "ftp://api.example.no/", "https:/a", "https:///a", "https://u@h/"];
  const more = [":x/", ":65536/", "/%", "/%4", "/%zz", "/a b", "\\a", "/æ", "/|"].map((rest) => host + rest);
  const odd = ["https://[::g]/", "https://[::1]x/", "https://h:1:2/", "https://æ.no/", ` ${host}`, `${host}/\n`];
  for (const given of [...refused, ...more, ...odd, `${host}/${"a".repeat(2048)}`]) {
    assert.throws(() => normalHtu(given), NotAnAddress, given);
  }
});

test("a proof is of an algorithm that is accepted, which its key agrees with, and of one key", async () => {
  const url = "https://api.example.no/";
  const verifier = new tillit.DpopVerifier(url, { algorithms: ["ES256"] });
  const judged = async (alg: string, told = alg): Promise<string> => {
    const { publicKey, privateKey } = await generateKeyPair(alg);
    const jwk = await exportJWK(publicKey);
    const claims = { jti: "the same", htm: "GET", htu: url, iat: NOW, ath: accessTokenHash("t") };
    const header = { typ: "dpop+jwt", alg, jwk: { ...jwk, alg: told } };
    const proof = await new SignJWT(claims).setProtectedHeader(header).sign(privateKey);
    const { kty, crv, x, y } = jwk;
    const jkt = createHash("sha256").update(JSON.stringify({ crv, kty, x, y })).digest("base64url");
    const presented = new tillit.Presented("DPoP", "t", { method: "GET", url, dpop: [proof] });
    return verdictOf(verifier.verify(presented, jkt, NOW));
  };
  assert.deepEqual([await judged("ES256"), await judged("ES256")], ["ok", "ok"]);
  assert.equal(await judged("ES384"), "invalid_dpop_proof");
  assert.equal(await judged("ES256", "ES384"), "invalid_dpop_proof");
});

test("a proof is used once, and is forgotten when it is too old to be taken", () => {
  const memory = new tillit.RecentProofs();
  assert.equal(memory.firstUse("a", NOW, NOW, NOW - 70), true);
  assert.equal(memory.firstUse("a", NOW, NOW + 5, NOW - 65), false);
  assert.equal(memory.firstUse("a", NOW, NOW + 70, NOW), false);
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

test("the nonces of a few hundred origins are remembered, and none that is no header's value", async () => {
  const prover = new tillit.Prover(tillit.DpopKey.generate(), { time: () => NOW, monotonic: () => NOW });
  const learn = (url: string, nonce: string) => prover.learn(url, new Headers(nonce ? { "DPoP-Nonce": nonce } : {}));
  const known = async (url: string) => decodeJwt((await prover.headers("GET", url))["DPoP"] ?? "")["nonce"];
  assert.equal(learn("https://first.example.no/a", "n"), true);
  assert.equal(await known("https://FIRST.example.no/b"), "n");
  assert.deepEqual([learn("https://first.example.no", ""), learn("https://x.no", "n".repeat(513))], [false, false]);
  for (let number = 0; number < 256; number += 1) learn(`https://${number}.example.no/`, "m");
  assert.equal(await known("https://first.example.no/"), undefined);
  assert.equal(await known("https://0.example.no/"), "m");
});

test("a client reads the errors of challenges, and not what a description says", () => {
  const challenges = 'Bearer realm="a", DPoP error="use_dpop_nonce", error_description="an error=invalid_token"';
  assert.equal(namesError(challenges, "use_dpop_nonce"), true);
  assert.equal(namesError(challenges, "invalid_token"), false);
  assert.equal(namesError("Bearer error=invalid_token", "invalid_token"), true);
  assert.equal(namesError(null, ""), false);
  const old = (challenge: string | null, status = 401) => asksForAnotherToken(status, challenge, 60);
  assert.deepEqual([old(null), old('Bearer error="invalid_token"')], [true, true]);
  assert.deepEqual([old("Bearer"), old('DPoP error="invalid_dpop_proof"'), old(null, 403)], [false, false, false]);
  assert.equal(asksForAnotherToken(401, null, 4.9), false);
});

test("settings that cannot work are refused", () => {
  const api = "https://api.example.no";
  for (const bases of [[], "api.example.no", "ftp://api.example.no", ""]) {
    assert.throws(() => new tillit.DpopVerifier(bases), tillit.ConfigError);
  }
  const times = [{ maxAge: 0 }, { maxAge: 3601 }, { leeway: -1 }, { leeway: 301 }];
  for (const options of [{ algorithms: [] }, { algorithms: ["HS256"] }, ...times]) {
    assert.throws(() => new tillit.DpopVerifier(api, options), tillit.ConfigError);
  }
  assert.throws(() => new tillit.RecentProofs(0), tillit.ConfigError);
  assert.throws(() => new tillit.DpopNonces(new Uint8Array(31)), tillit.ConfigError);
  assert.throws(() => new tillit.DpopNonces(SECRET, 0), tillit.ConfigError);
});
