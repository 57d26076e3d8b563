/** An address in, statuses out: an API that wants nonces is called three times, and its token judged here. */

import { text } from "node:stream/consumers";
import { Authority, dpopFetch, DpopVerifier, JwksSource, Policy, protect } from "../dist/src/index.js";
import { TokenClient, TokenValidator } from "../dist/src/index.js";

const { url, issuer, jwks, audience } = JSON.parse(await text(process.stdin));
const client = TokenClient.fromEnv();
const call = dpopFetch(client);
const statuses = [];
for (let times = 0; times < 3; times += 1) {
  const answer = await call(url, { method: "POST", body: JSON.stringify({ times }) });
  statuses.push(answer.status);
}
const policy = new Policy(issuer, audience);
const source = new JwksSource(new Authority(issuer, { jwksUri: jwks }));
const validator = new TokenValidator(policy, source, { dpop: new DpopVerifier(audience) });
const handler = protect(validator, {}, (_, token) => Response.json(token.confirmation.jkt));
const own = await (await dpopFetch(client, undefined, handler)(`${audience}people`)).json();
console.log(JSON.stringify({ statuses, bound: own === client.prover.key.thumbprint }));
