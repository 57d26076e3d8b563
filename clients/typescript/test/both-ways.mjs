/** A task in, a result out: proofs of the Python library judged here, proofs for it to judge, and tokens looked up. */

import { text } from "node:stream/consumers";
import { DpopKey, DpopVerifier, Presented, TokenValidator } from "../dist/src/index.js";

const { method, base, url, token, now, theirs, issuer, audience, tokens } = JSON.parse(await text(process.stdin));
const verdict = (judged) => judged.then(() => "ok", (error) => error.code);

const verifier = new DpopVerifier(base);
const verdicts = [];
for (const { proof, jkt } of theirs) {
  const presented = new Presented("DPoP", token, { method, url, dpop: [proof] });
  verdicts.push(await verdict(verifier.verify(presented, jkt, now)));
}
const ours = ["ES256", "ES384", "Ed25519"].map(async (alg) => {
  const key = DpopKey.generate(alg);
  return { jkt: key.thumbprint, proof: await key.proof(method, url, { now, token }) };
});
const looking = TokenValidator.forIssuer(issuer, audience, { checkStatus: true });
const trusting = TokenValidator.forIssuer(issuer, audience);
const judged = tokens.map(async (one) => [await verdict(looking.validate(one)), await verdict(trusting.validate(one))]);
console.log(JSON.stringify({ verdicts, ours: await Promise.all(ours), judged: await Promise.all(judged) }));
