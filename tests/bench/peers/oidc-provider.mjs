// node-oidc-provider as a token endpoint for machines: client_credentials with private_key_jwt, JWT access tokens.
// Everything that is not set here is the library's default, its check for replayed assertions included.

import { Provider } from 'oidc-provider';

import { redisAdapter } from './redis-adapter.mjs';

const settings = JSON.parse(process.env.BENCH_SETTINGS);

const resourceServer = {
  scope: 'bench:read',
  audience: 'https://api.bench.test',
  accessTokenTTL: 600,
  accessTokenFormat: 'jwt',
  jwt: { sign: { alg: settings.token_alg, kid: settings.token_jwk.kid } },
};

const provider = new Provider(settings.issuer, {
  adapter: settings.redis_url ? redisAdapter(settings.redis_url) : undefined,
  clients: [{
    client_id: settings.client_id,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    scope: 'bench:read',
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: settings.client_alg,
    id_token_signed_response_alg: settings.token_alg,
    jwks: { keys: [settings.client_jwk] },
  }],
  jwks: { keys: [settings.token_jwk] },
  scopes: ['bench:read'],
  clientAuthMethods: ['private_key_jwt'],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resourceServer.audience,
      getResourceServerInfo: () => resourceServer,
    },
  },
});

const server = provider.listen(settings.port, '127.0.0.1');
server.keepAliveTimeout = 75_000;
process.on('SIGTERM', () => process.exit(0));
