// openid-client: discovery, then the JWT-bearer grant through its generic call, or client_credentials with PrivateKeyJwt.

import * as client from 'openid-client'
import { assertion, orRefusal, privateKey, run } from './task.mjs'

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

async function discover(task, authentication) {
  const options = { algorithm: task.algorithm, execute: [client.allowInsecureRequests] }
  return client.discovery(new URL(task.issuer), task.client_id, {}, authentication, options)
}

async function jwtBearer(task) {
  const config = await discover(task, client.None())
  const jti = crypto.randomUUID()
  const answers = []
  for (let fetch = 0; fetch < 2; fetch += 1) {
    const parameters = { assertion: await assertion(task, task.repeat_jti ? jti : undefined) }
    answers.push(await orRefusal(() => client.genericGrantRequest(config, JWT_BEARER, parameters)))
  }
  return { metadata: config.serverMetadata(), answers }
}

async function clientCredentials(task) {
  const key = { key: await privateKey(task), kid: task.kid }
  const config = await discover(task, client.PrivateKeyJwt(key))
  const answers = []
  for (let fetch = 0; fetch < 2; fetch += 1) {
    answers.push(await orRefusal(() => client.clientCredentialsGrant(config, { scope: task.scope })))
  }
  return { metadata: config.serverMetadata(), answers }
}

await run((task) => (task.grant === 'client_credentials' ? clientCredentials(task) : jwtBearer(task)))
