/** Which scopes an endpoint wants. "All of" and "any of" are said, never guessed from a list. */

import { ConfigError } from "./errors.js";

/** Scopes that a token must have. */
export interface Requirement {
  readonly scopes: readonly string[];
  /** Whether `granted` is enough. */
  metBy(granted: ReadonlySet<string>): boolean;
}

/** Every one of these scopes. */
export class AllOf implements Requirement {
  readonly scopes: readonly string[];

  /** @throws ConfigError unless each argument is one scope */
  constructor(...scopes: string[]) {
    this.scopes = names(scopes);
  }

  metBy(granted: ReadonlySet<string>): boolean {
    return this.scopes.every((scope) => granted.has(scope));
  }
}

/** At least one of these scopes. */
export class AnyOf implements Requirement {
  readonly scopes: readonly string[];

  /** @throws ConfigError unless each argument is one scope */
  constructor(...scopes: string[]) {
    this.scopes = names(scopes);
  }

  metBy(granted: ReadonlySet<string>): boolean {
    return this.scopes.some((scope) => granted.has(scope));
  }
}

function names(scopes: readonly string[]): readonly string[] {
  // AllOf("a b") would be a scope nobody can have, and AllOf() a requirement everybody meets.
  if (!scopes.length || scopes.some((scope) => typeof scope !== "string" || !scope || scope.includes(" "))) {
    throw new ConfigError("name at least one scope, each as its own argument");
  }
  return scopes;
}
