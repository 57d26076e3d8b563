/** The shared vectors of proof of possession and of status lists. */

import assert from "node:assert/strict";
import { test } from "node:test";
import * as tillit from "../src/index.js";
import { keysOf, load, ManualClock, verdictOf } from "./support.js";

interface Vectors<Case> {
  readonly jwks: unknown;
  readonly issuer: string;
  readonly audience: string;
  readonly cases: readonly (Case & { name: string; now: number; token: string; verdict: string })[];
}

/** What a second look at the same makes of it too, as the verdicts of the vectors. */
async function agrees<Case>(
  { cases }: Vectors<Case>,
  judge: (one: Vectors<Case>["cases"][number]) => Promise<string[]>,
): Promise<void> {
  const judged: Record<string, string[]> = {};
  for (const one of cases) judged[one.name] = await judge(one);
  assert.ok(cases.length >= 10);
  const wanted = cases.map(({ name, verdict }) => [name, (judged[name] ?? []).map(() => verdict)]);
  assert.deepEqual(judged, Object.fromEntries(wanted));
}

test("each vector of certificate binding gets its verdict, also the second time", async () => {
  const vectors = load<Vectors<{ certificate: string | null }>>("certificate-binding.json");
  const policy = new tillit.Policy(vectors.issuer, vectors.audience);
  await agrees(vectors, async ({ now, token, certificate }) => {
    const clock = new ManualClock(now);
    const validator = new tillit.TokenValidator(policy, keysOf(vectors.jwks, clock), { clock });
    const clientCertificate = certificate === null ? undefined : tillit.readCertificate(certificate);
    const presented = new tillit.Presented("Bearer", token, { clientCertificate });
    const judge = () => verdictOf(validator.validateRequest(presented));
    return [await judge(), await judge()];
  });
});

test("each vector of status lists gets its verdict, also the second time", async () => {
  type Case = { mode: tillit.StatusMode; list: string | null };
  const vectors = load<Vectors<Case> & { uri: string }>("status-lists.json");
  const policy = new tillit.Policy(vectors.issuer, vectors.audience);
  await agrees(vectors, async ({ now, token, list, mode }) => {
    const clock = new ManualClock(now);
    const fetch = (uri: string) =>
      Promise.resolve(uri === vectors.uri && list !== null ? new Response(list) : new Response("", { status: 404 }));
    const keys = keysOf(vectors.jwks, clock);
    const status = new tillit.StatusCheck(new tillit.StatusLists(vectors.issuer, keys, { fetch, clock }), mode);
    const validator = new tillit.TokenValidator(policy, keys, { clock, status });
    const plain = () => verdictOf(validator.validate(token));
    const judge = () => verdictOf(validator.validateRequest(new tillit.Presented("Bearer", token)));
    return [await plain(), await judge(), await judge()];
  });
});

test("each vector of DPoP proofs gets its verdict", async () => {
  interface Case {
    readonly scheme: tillit.Scheme;
    readonly method: string;
    readonly url: string;
    readonly dpop: string[];
    readonly used: string[];
  }
  interface Settings {
    readonly base_urls: string[];
    readonly algorithms: string[];
    readonly max_age: number;
    readonly leeway: number;
  }
  const vectors = load<Vectors<Case> & Settings>("dpop-proofs.json");
  const policy = new tillit.Policy(vectors.issuer, vectors.audience);
  await agrees(vectors, async ({ now, scheme, token, method, url, dpop, used }) => {
    const clock = new ManualClock(now);
    const { algorithms, leeway, max_age: maxAge } = vectors;
    const verifier = new tillit.DpopVerifier(vectors.base_urls, { algorithms, leeway, maxAge });
    const validator = new tillit.TokenValidator(policy, keysOf(vectors.jwks, clock), { clock, dpop: verifier });
    const judge = (kind: tillit.Scheme, lines: string[]) =>
      verdictOf(validator.validateRequest(new tillit.Presented(kind, token, { method, url, dpop: lines })));
    for (const proof of used) assert.equal(await judge("DPoP", [proof]), "ok");
    return [await judge(scheme, dpop)];
  });
  assert.ok(vectors.cases.filter(({ dpop }) => dpop.length).length >= 60);
});
