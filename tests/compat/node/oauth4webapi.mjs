// oauth4webapi: discovery, the generic grant call, and its RFC 9068 validator on the token that came back.

import * as oauth from 'oauth4webapi'
import { assertion, orRefusal, run } from './task.mjs'

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const insecure = { [oauth.allowInsecureRequests]: true }

async function claimsAt(as, token, audience) {
  const request = new Request(audience, { headers: { authorization: `Bearer ${token}` } })
  try {
    return await oauth.validateJwtAccessToken(as, request, audience, insecure)
  } catch (refusal) {
    return { refused: refusal.name, message: refusal.message }
  }
}

await run(async (task) => {
  const issuer = new URL(task.issuer)
  const found = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure })
  const as = await oauth.processDiscoveryResponse(issuer, found)
  const client = { client_id: task.client_id }
  const parameters = { assertion: await assertion(task) }
  const answer = await orRefusal(async () => {
    const response = await oauth.genericTokenEndpointRequest(as, client, oauth.None(), JWT_BEARER, parameters, insecure)
    return oauth.processGenericTokenEndpointResponse(as, client, response)
  })
  const claims = answer.access_token && (await claimsAt(as, answer.access_token, task.audience))
  return { metadata: as, answer, claims }
})
