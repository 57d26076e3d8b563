/** Certificates that a proxy passes on, and tokens that are bound to them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import * as tillit from "../src/index.js";
import { keysOf, load, ManualClock, serving } from "./support.js";

interface Vectors {
  readonly jwks: unknown;
  readonly issuer: string;
  readonly audience: string;
  readonly cases: readonly { name: string; now: number; token: string; certificate: string | null }[];
}

const vectors = load<Vectors>("certificate-binding.json");
const bound = vectors.cases.find(({ name }) => name === "its certificate");
if (!bound?.certificate) throw new Error("the vectors have changed");
const PEM = bound.certificate;
const DER = tillit.readCertificate(PEM);
const VALUES: Record<tillit.CertificateForm, string> = {
  nginx: encodeURIComponent(PEM),
  envoy: `By=spiffe://a;Hash=abc;Cert="${encodeURIComponent(PEM)}";Subject="CN=a, b"`,
  rfc9440: `:${Buffer.from(DER).toString("base64")}:`,
};

test("each form of the header is read, and no header is no certificate", () => {
  for (const [form, value] of Object.entries(VALUES) as [tillit.CertificateForm, string][]) {
    const header = new tillit.CertificateHeader("Client-Cert", form);
    assert.deepEqual(Buffer.from(header.read([value]) ?? []), Buffer.from(DER), form);
    assert.equal(header.read([]), undefined);
    assert.equal(header.read([" "]), undefined);
  }
  assert.equal(new tillit.CertificateHeader("X", "envoy").read(["By=spiffe://a;Hash=abc"]), undefined);
});

test("a header that is malformed or came twice is refused", () => {
  const trailing = Buffer.concat([DER, Buffer.from("x")]).toString("base64");
  const malformed: [tillit.CertificateForm, string[]][] = [
    ["nginx", [VALUES.nginx, VALUES.nginx]],
    ["nginx", [VALUES.nginx.slice(0, 200)]],
    ["nginx", ["%E0%A4%A"]],
    ["nginx", ["a".repeat(40_000)]],
    ["envoy", [`${VALUES.envoy},${VALUES.envoy}`]],
    ["envoy", ['Cert="abc"']],
    ["rfc9440", [VALUES.rfc9440.slice(1)]],
    ["rfc9440", [`:${trailing}:`]],
    ["rfc9440", ["::"]],
    ["rfc9440", [`${VALUES.rfc9440}, ${VALUES.rfc9440}`]],
  ];
  for (const [form, lines] of malformed) {
    const header = new tillit.CertificateHeader("X", form);
    assert.throws(() => header.read(lines), tillit.InvalidRequest, `${form} ${lines[0]?.slice(0, 20)}`);
  }
});

test("settings and files that are none are refused", () => {
  assert.throws(() => new tillit.CertificateHeader("", "nginx"), tillit.ConfigError);
  assert.throws(() => new tillit.CertificateHeader("X", "toString" as "nginx"), tillit.ConfigError);
  for (const text of ["", "no certificate", PEM.replace("MII", "!!!")]) {
    assert.throws(() => tillit.readCertificate(text), tillit.ConfigError);
  }
  assert.deepEqual(Buffer.from(tillit.readCertificate(Buffer.from(PEM))), Buffer.from(DER));
});

test("both adapters take a bound token with its certificate, and refuse it without", async (context) => {
  const clock = new ManualClock(bound.now);
  const policy = new tillit.Policy(vectors.issuer, vectors.audience);
  const validator = new tillit.TokenValidator(policy, keysOf(vectors.jwks, clock), { clock });
  const header = new tillit.CertificateHeader("Client-Cert", "rfc9440");
  const certificate = header.in.bind(header);
  const guard = tillit.bearerMiddleware(validator, { certificate });
  const base = await serving(context, (request, response) => {
    void guard(request, response, () => response.end());
  });
  const handler = tillit.protect(validator, { certificate }, () => new Response());
  const unaware = tillit.protect(validator, {}, () => new Response());
  const authorization = `Bearer ${bound.token}`;
  const served = { authorization, "client-cert": VALUES.rfc9440 };
  for (const ask of [fetch, (url: string, init: RequestInit) => handler(new Request(url, init))]) {
    assert.equal((await ask(base, { headers: served })).status, 200);
    assert.equal((await ask(base, { headers: { authorization } })).status, 401);
    assert.equal((await ask(base, { headers: { ...served, "client-cert": "?" } })).status, 400);
  }
  assert.equal((await unaware(new Request(base, { headers: served }))).status, 401);
});

test("the door for the text of a token refuses every bound one", async () => {
  const clock = new ManualClock(bound.now);
  const policy = new tillit.Policy(vectors.issuer, vectors.audience);
  const validator = new tillit.TokenValidator(policy, keysOf(vectors.jwks, clock), { clock });
  const presented = new tillit.Presented("Bearer", bound.token, { clientCertificate: DER });
  await assert.rejects(validator.validate(bound.token), tillit.InvalidToken);
  assert.equal((await validator.validateRequest(presented)).consumer.number, "991825827");
  await assert.rejects(validator.validate(bound.token), tillit.InvalidToken);
});
