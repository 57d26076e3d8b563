/** The shared vectors: every client library has to agree with them. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { AccessError, AllOf, JwksSource, Policy, TokenValidator } from "../src/index.js";

interface Case {
  readonly name: string;
  readonly policy: string;
  readonly now: number;
  readonly require: string[];
  readonly token: string;
  readonly verdict: string;
}

interface Settings {
  readonly issuer: string;
  readonly audience: string[];
  readonly algorithms: string[];
  readonly leeway: number;
  readonly token_types: (string | null)[];
  readonly accept_unaddressed?: boolean;
}

interface Vectors {
  readonly jwks: unknown;
  readonly policies: Record<string, Settings>;
  readonly cases: Case[];
}

const FILE = new URL("../../../vectors/access-tokens.json", import.meta.url);
const vectors = JSON.parse(readFileSync(FILE, "utf8")) as Vectors;

function validator(settings: Settings, now: number, cacheSize: number): TokenValidator {
  const clock = { time: () => now, monotonic: () => 0 };
  const fetch = () => Promise.resolve(new Response(JSON.stringify(vectors.jwks)));
  const policy = new Policy(settings.issuer, settings.audience, {
    algorithms: settings.algorithms,
    leeway: settings.leeway,
    tokenTypes: settings.token_types,
    acceptUnaddressed: settings.accept_unaddressed ?? false,
  });
  const jwks = new JwksSource("https://authority.example.no/jwk", { fetch, clock });
  return new TokenValidator(policy, jwks, { clock, cacheSize });
}

async function verdict(judge: TokenValidator, { token, require }: Case): Promise<string> {
  try {
    await judge.validate(token, new AllOf(...require));
  } catch (error) {
    if (error instanceof AccessError) return error.code;
    throw error;
  }
  return "ok";
}

for (const [name, settings] of Object.entries(vectors.policies)) {
  for (const cacheSize of [0, 1024]) {
    test(`each vector of ${name} gets its verdict, also the second time, with room for ${cacheSize}`, async () => {
      const cases = vectors.cases.filter((one) => one.policy === name);
      const judges = new Map<number, TokenValidator>();
      const judged: Record<string, string[]> = {};
      for (const one of cases) {
        const judge = judges.get(one.now) ?? validator(settings, one.now, cacheSize);
        judges.set(one.now, judge);
        judged[one.name] = [await verdict(judge, one), await verdict(judge, one)];
      }
      assert.ok(cases.length >= 300);
      assert.deepEqual(judged, Object.fromEntries(cases.map((one) => [one.name, [one.verdict, one.verdict]])));
    });
  }
}
