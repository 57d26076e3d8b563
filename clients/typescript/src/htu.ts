/** The address in a DPoP proof (RFC 9449 section 4.3, check 9), in the one spelling that two equal ones share. */

const MAX_HTU = 2048;
const PORTS: Readonly<Record<string, number>> = { https: 443, http: 80 };
// Read here and not by `URL`, which repairs what it is given: whoever else reads the address may not.
const CHARACTERS = /^[\x21-\x5b\x5d-\x7e]+$/;
const PARTS = /^(https?):\/\/([^/?#]*)([^?#]*)/i;
const AUTHORITY = /^(\[[0-9a-f:.]*\]|[^:[\]@]*)(?::([0-9]*))?$/i;
const HOST = /^[a-z0-9._-]+$/;
const PATH = /^[A-Za-z0-9._~!$&'()*+,;=:@/%-]*$/;
const UNRESERVED = /^[A-Za-z0-9._~-]$/;

/** Not an absolute http or https URI; the message names the rule and never quotes the URI. */
export class NotAnAddress extends Error {}

/**
 * `uri` without query and fragment, normalised as RFC 3986 sections 6.2.2 and 6.2.3 say.
 *
 * Scheme and host are in lower case, a default port is left out, escapes are in upper case and only where they must
 * be, dot segments are gone, and an empty path is `/`.
 *
 * @throws NotAnAddress
 */
export function normalHtu(uri: string): string {
  if (uri.length > MAX_HTU || !CHARACTERS.test(uri)) throw new NotAnAddress("not a URI");
  const [, scheme = "", authority = "", path = ""] = PARTS.exec(uri) ?? [];
  const [, host, port] = AUTHORITY.exec(authority) ?? [];
  if (!scheme || host === undefined) throw new NotAnAddress("not an http or https URI without user name");
  const name = scheme.toLowerCase();
  return `${name}://${normalHost(host)}${shownPort(port, PORTS[name])}${normalPath(path)}`;
}

/** `path` as `normalHtu` spells it. Throws NotAnAddress. */
export function normalPath(path: string): string {
  if (!PATH.test(path)) throw new NotAnAddress("the path holds a character that must be escaped");
  const spelt = path.replace(/%(.{0,2})/g, (_, digits: string) => normalEscape(digits));
  return spelt.includes("/.") ? withoutDots(spelt) : spelt || "/";
}

function normalHost(host: string): string {
  const lower = host.toLowerCase();
  if (HOST.test(lower)) return lower;
  if (!lower.startsWith("[")) throw new NotAnAddress("the host is not a name");
  try {
    return new URL(`http://${lower}/`).hostname;
  } catch {
    throw new NotAnAddress("the host is not an address");
  }
}

function shownPort(digits: string | undefined, usual: number | undefined): string {
  if (!digits) return "";
  const port = Number(digits);
  if (port > 65_535) throw new NotAnAddress("the port is not one");
  return port === usual ? "" : `:${port}`;
}

function normalEscape(digits: string): string {
  if (!/^[0-9A-Fa-f]{2}$/.test(digits)) throw new NotAnAddress("an escape is not two hexadecimal digits");
  const character = String.fromCharCode(parseInt(digits, 16));
  return UNRESERVED.test(character) ? character : `%${digits.toUpperCase()}`;
}

function withoutDots(path: string): string {
  const kept: string[] = [];
  const segments = path.split("/").slice(1);
  segments.forEach((segment, number) => {
    const dots = segment === "." || segment === "..";
    if (segment === "..") kept.pop();
    if (!dots) kept.push(segment);
    else if (number === segments.length - 1) kept.push("");
  });
  return `/${kept.join("/")}`;
}
