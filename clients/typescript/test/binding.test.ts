/** The shared vectors of tokens that are bound to a client's certificate. */

import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { AccessError, JwksSource, Policy, TokenValidator } from "../src/index.js";

interface Vectors {
  readonly jwks: unknown;
  readonly issuer: string;
  readonly audience: string;
  readonly cases: { name: string; now: number; token: string; certificate: string | null; verdict: string }[];
}

const FILE = new URL("../../../vectors/certificate-binding.json", import.meta.url);
const vectors = JSON.parse(readFileSync(FILE, "utf8")) as Vectors;

test("each vector of certificate binding gets its verdict, also the second time", async () => {
  const judged: Record<string, string[]> = {};
  for (const { name, now, token, certificate } of vectors.cases) {
    const clock = { time: () => now, monotonic: () => 0 };
    const fetch = () => Promise.resolve(Response.json(vectors.jwks));
    const jwks = new JwksSource("https://authority.example.no/jwk", { fetch, clock });
    const judge = new TokenValidator(new Policy(vectors.issuer, vectors.audience), jwks, { clock });
    const clientCertificate = certificate === null ? undefined : new X509Certificate(certificate).raw;
    const verdict = () =>
      judge.validate(token, undefined, { clientCertificate }).then(
        () => "ok",
        (error: AccessError) => error.code,
      );
    judged[name] = [await verdict(), await verdict()];
  }
  assert.ok(vectors.cases.length);
  assert.deepEqual(judged, Object.fromEntries(vectors.cases.map(({ name, verdict }) => [name, [verdict, verdict]])));
});
