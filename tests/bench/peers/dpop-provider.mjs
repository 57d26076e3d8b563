// node-oidc-provider with DPoP and required nonces, behind a door that trades the JWT bearer grant for what it knows.
// The door verifies the assertion and lets each be used once; all that is said of DPoP is the provider's own word.

import { randomBytes } from 'node:crypto';

import { createLocalJWKSet, jwtVerify } from 'jose';
import { Provider } from 'oidc-provider';

const settings = JSON.parse(process.env.DPOP_SETTINGS);
const secret = randomBytes(32).toString('hex');
const keys = createLocalJWKSet({ keys: [settings.client_jwk] });
const used = new Set();

const resourceServer = {
  scope: settings.scope,
  audience: settings.audience,
  accessTokenTTL: 600,
  accessTokenFormat: 'jwt',
  jwt: { sign: { alg: 'ES256', kid: settings.token_jwk.kid } },
};

const provider = new Provider(settings.issuer, {
  clients: [{
    client_id: settings.client_id,
    client_secret: secret,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    scope: settings.scope,
    token_endpoint_auth_method: 'client_secret_post',
    id_token_signed_response_alg: 'ES256',
    dpop_bound_access_tokens: true,
  }],
  jwks: { keys: [settings.token_jwk] },
  scopes: [settings.scope],
  enabledJWA: { dPoPSigningAlgValues: ['ES256', 'Ed25519', 'RS256', 'PS256'] },
  extraTokenClaims: () => ({ consumer: settings.consumer }),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => settings.audience,
      getResourceServerInfo: () => resourceServer,
    },
  },
});

provider.use(async (ctx, next) => {
  if (ctx.path === '/token') {
    const parts = [];
    for await (const part of ctx.req) parts.push(part);
    const { assertion } = Object.fromEntries(new URLSearchParams(Buffer.concat(parts).toString()));
    const { payload } = await jwtVerify(assertion, keys, { issuer: settings.client_id, audience: settings.issuer });
    if (used.has(payload.jti)) throw new Error('an assertion was sent twice');
    used.add(payload.jti);
    ctx.req.body = {
      grant_type: 'client_credentials', client_id: settings.client_id, client_secret: secret, scope: payload.scope,
    };
  }
  await next();
});

provider.listen(settings.port, '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
