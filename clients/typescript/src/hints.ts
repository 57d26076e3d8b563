/** What to do about a refusal, by the authority's fine-grained code. */

const BY_CODE: ReadonlyMap<string, string> = new Map([
  ["MP-011", "The assertion has a claim or value the authority does not take; compare it with its documentation."],
  ["MP-012", "The assertion was used before; something between you and the authority repeated the request."],
  ["MP-100", "Check the client id and that it is registered in this environment."],
  ["MP-110", "Configure the issuer exactly as the authority's metadata spells it, final slash included."],
  ["MP-120", "The certificate is not valid here; test certificates do not work in production, nor the reverse."],
  ["MP-121", "The registered key has expired; register a new one on the client."],
  ["MP-122", "The certificate belongs to another organisation than the client."],
  ["MP-123", "The certificate chain in the request is not readable."],
  ["MP-124", "The private key does not belong to the key registered under this kid."],
  ["MP-130", "Check this machine's clock."],
  ["MP-200", "Add the scope to the client; a scope must be registered on it before it can be asked for."],
  ["MP-201", "The client's kind does not allow this scope."],
  ["MP-250", "Ask the owner of the scope to grant the consumer access."],
  ["MP-251", "Ask the consumer to delegate the scope to your organisation."],
  ["MP-301", "The type of the authorization details is not known to the authority."],
  ["MP-302", "The authorization details have a field the authority does not know."],
  ["MP-303", "A value in the authorization details was not accepted; the description names it."],
]);
const BY_PHRASE: readonly (readonly [string, string])[] = [
  ["unknown key identifier", "Register the key on the client, or correct the kid; new keys can take minutes."],
  ["expired key", "The registered key has expired; register a new one on the client."],
  ["issue time", "Check this machine's clock."],
  ["too long lifetime", "Shorten the life of the assertion."],
];
const NOTABLE_SKEW = 5;

/** A sentence on what to do, if one is known. `skew` is how many seconds the authority's clock is ahead of ours. */
export function hintFor(mpCode: string | undefined, description: string, skew: number | undefined): string | undefined {
  const lowered = description.toLowerCase();
  const byCode = mpCode === undefined ? undefined : BY_CODE.get(mpCode);
  const hint = byCode ?? BY_PHRASE.find(([phrase]) => lowered.includes(phrase))?.[1];
  if (skew === undefined || Math.abs(skew) < NOTABLE_SKEW) return hint;
  const direction = skew > 0 ? "behind" : "ahead of";
  const clock = `This machine's clock is ${Math.abs(skew).toFixed(0)} s ${direction} the authority's.`;
  return hint === undefined ? clock : `${hint} ${clock}`;
}
