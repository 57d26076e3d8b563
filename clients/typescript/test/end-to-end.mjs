/** A task in, a result out: a token from a real authority, validated here and by jose alone. */

import { text } from "node:stream/consumers";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { AllOf, AnyOf, AccessError, protect, TokenClient, TokenValidator } from "../dist/src/index.js";

const task = JSON.parse(await text(process.stdin));
const client = TokenClient.fromEnv(undefined, task.environment);
try {
  const token = await client.get();
  const again = await client.get();
  const validator = TokenValidator.forIssuer(task.issuer, task.audience);
  const found = await validator.validate(token.value, new AllOf(...token.scopes));
  const jwks = createRemoteJWKSet(new URL(`${task.issuer}jwk`));
  const options = { issuer: task.issuer, audience: task.audience, typ: "at+jwt", requiredClaims: ["jti", "client_id"] };
  const strict = await jwtVerify(token.value, jwks, options);
  const api = protect(validator, { require: new AnyOf("x:other", ...token.scopes) }, (_, access) =>
    Response.json({ consumer: access.consumer.number }),
  );
  const ask = (headers) => api(new Request(task.audience, { headers }));
  const served = await ask({ Authorization: token.authorization });
  const refused = await ask({});
  const elsewhere = TokenValidator.forIssuer(task.issuer, "https://other.example/");
  const misaddressed = await elsewhere.validate(token.value).catch((error) => error);
  console.log(
    JSON.stringify({
      cached: token === again,
      client: found.clientId,
      consumer: found.consumer.number,
      strict: strict.payload.client_id,
      served: [served.status, await served.json()],
      refused: [refused.status, refused.headers.get("www-authenticate")],
      misaddressed: misaddressed instanceof AccessError ? misaddressed.code : "accepted",
    }),
  );
} catch (error) {
  console.log(JSON.stringify({ error: error.name, code: error.code, mpCode: error.mpCode, hint: error.hint }));
}
