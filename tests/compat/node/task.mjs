// What every script here shares: one JSON document in, one out. A refusal is an answer, any other error ends the script.

import { readFileSync } from 'node:fs'
import { importPKCS8, SignJWT } from 'jose'

/** Read the task from standard input, do it, and write its result to standard output. */
export async function run(work) {
  const task = JSON.parse(readFileSync(0, 'utf8'))
  console.log(JSON.stringify(await work(task)))
}

/** Return what the work returns, or the OAuth error and description that the library read out of a refusal. */
export async function orRefusal(work) {
  try {
    return await work()
  } catch (refusal) {
    if (refusal.code !== 'OAUTH_RESPONSE_BODY_ERROR') throw refusal
    return { error: refusal.error, error_description: refusal.error_description, status: refusal.status }
  }
}

/** Return the private key of a task as the Web Crypto key that these libraries take. */
export async function privateKey({ pem, alg }) {
  return importPKCS8(pem, alg)
}

/** Sign a JWT-bearer assertion with jose, as the users of these libraries do. */
export async function assertion(task, jti = crypto.randomUUID()) {
  return new SignJWT({ scope: task.scope })
    .setProtectedHeader({ alg: task.alg, kid: task.kid })
    .setIssuer(task.client_id)
    .setAudience(task.issuer)
    .setIssuedAt()
    .setExpirationTime('60s')
    .setJti(jti)
    .sign(await privateKey(task))
}
