// Access tokens validated with jose; prints the microseconds of processor time a token took, one figure a run.
import { createLocalJWKSet, jwtVerify } from "jose";

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const order = JSON.parse(Buffer.concat(chunks));

const keys = createLocalJWKSet({ keys: [order.jwk] });
const options = {
  issuer: order.issuer,
  audience: order.audience,
  algorithms: [order.alg],
  typ: "at+jwt",
  requiredClaims: ["iss", "aud", "exp", "iat", "sub", "client_id", "jti"],
};

async function validate(token) {
  const { payload } = await jwtVerify(token, keys, options);
  if (!payload.scope.split(" ").includes(order.scope)) throw new Error("the scope is missing");
  return payload;
}

for (const token of order.good) await validate(token);
for (const [wrong, token] of Object.entries(order.wrong)) {
  const accepted = await validate(token).then(() => true, () => false);
  if (accepted) throw new Error(`accepts a token that is wrong: ${wrong}`);
}

// Many at a time, as a server has them: awaiting one by one would measure how long a thread takes to wake.
const TOGETHER = 32;

async function run(seconds) {
  const began = process.cpuUsage();
  const until = process.hrtime.bigint() + BigInt(Math.round(seconds * 1e9));
  let calls = 0;
  let next = 0;
  while (process.hrtime.bigint() < until) {
    const batch = [];
    for (let i = 0; i < TOGETHER; i++) batch.push(validate(order.good[next++ % order.good.length]));
    await Promise.all(batch);
    calls += TOGETHER;
  }
  const used = process.cpuUsage(began);
  return (used.user + used.system) / calls;
}

await run(order.seconds);
const costs = [];
for (let i = 0; i < order.runs; i++) costs.push(await run(order.seconds));
console.log(JSON.stringify(costs));
