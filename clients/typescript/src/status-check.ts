/** Whether an access token was revoked since it was issued, by the status list that its claim `status` names. */

import { InvalidToken, StatusListUnavailable } from "./access-errors.js";
import type { AccessToken } from "./access-token.js";
import { ConfigError } from "./errors.js";
import { MalformedJose } from "./jose/json.js";
import { readStatusReference } from "./status-list.js";
import type { Status, StatusReference } from "./status-list.js";
import { StatusLists, StatusUnavailable } from "./status-lists.js";

const MODES = ["must-check", "if-present", "ignore"] as const;

/** What is made of tokens that name no list. */
export type StatusMode = (typeof MODES)[number];

/**
 * What an API makes of the claim `status` (draft-ietf-oauth-status-list-17).
 *
 * `lists` are the authority's, or by issuer those of each. With `must-check` a token without the claim is refused, with
 * `if-present` it is good without, and with `ignore` nothing is looked up. A status that cannot be had is an answer of
 * 503: how long an old list may stand in for one is the `maxStale` of the lists.
 */
export class StatusCheck {
  /** @throws ConfigError */
  constructor(
    readonly lists: StatusLists | ReadonlyMap<string, StatusLists>,
    readonly mode: StatusMode = "if-present",
  ) {
    if (!MODES.includes(mode)) throw new ConfigError(`the mode must be one of ${MODES.join(", ")}`);
  }

  /** Whether `token` is still good; may wait for a list. Throws InvalidToken or StatusListUnavailable. */
  async check(token: AccessToken): Promise<void> {
    const reference = this.#reference(token);
    if (reference === undefined) return;
    let status: Status;
    try {
      status = await this.#listsOf(token).status(reference);
    } catch (error) {
      throw error instanceof StatusUnavailable ? new StatusListUnavailable(error.message) : error;
    }
    if (status !== "valid") throw new InvalidToken(`the token's status is ${status}`);
  }

  #reference(token: AccessToken): StatusReference | undefined {
    if (this.mode === "ignore") return undefined;
    const { claims } = token;
    if (!("status" in claims)) {
      if (this.mode === "must-check") throw new InvalidToken("the token names no status list");
      return undefined;
    }
    try {
      return readStatusReference(claims);
    } catch (error) {
      throw error instanceof MalformedJose ? new InvalidToken(error.message) : error;
    }
  }

  #listsOf(token: AccessToken): StatusLists {
    const lists = this.lists instanceof StatusLists ? this.lists : this.lists.get(token.issuer);
    if (lists === undefined) {
      throw new InvalidToken("the status of this issuer's tokens cannot be checked here");
    }
    return lists;
  }
}
