// What node-oidc-provider needs of a store, on Redis or Valkey: the calls that a client_credentials request makes.

import { Redis } from 'ioredis';

/** Return an adapter factory for the server at `url`; every model lives under its own name. */
export function redisAdapter(url) {
  const redis = new Redis(url);
  return (model) => {
    const key = (id) => `${model}:${id}`;
    return {
      upsert: (id, payload, expiresIn) => redis.set(key(id), JSON.stringify(payload), 'EX', expiresIn),
      find: async (id) => JSON.parse(await redis.get(key(id))) ?? undefined,
      destroy: (id) => redis.del(key(id)),
    };
  };
}
