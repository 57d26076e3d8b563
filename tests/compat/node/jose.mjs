// jose as a validator: a remote key set and jwtVerify, with the options that an API provider sets.

import { createRemoteJWKSet, errors, jwtVerify } from 'jose'
import { run } from './task.mjs'

await run(async ({ jwks_uri, token, ...options }) => {
  try {
    const { payload, protectedHeader } = await jwtVerify(token, createRemoteJWKSet(new URL(jwks_uri)), options)
    return { payload, header: protectedHeader }
  } catch (refusal) {
    if (!(refusal instanceof errors.JOSEError)) throw refusal
    return { refused: refusal.code, claim: refusal.claim }
  }
})
