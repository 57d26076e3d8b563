/** Client certificates: of the connection itself, or verified by a proxy that passes them on (RFC 8705, RFC 9440). */

import type { IncomingMessage } from "node:http";
import { InvalidRequest } from "./access-errors.js";
import { ConfigError } from "./errors.js";

const MAX_HEADER = 32 * 1024;
const SEQUENCE = 0x30;
const PEM = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----/;
const ENVOY_CERT = /(?:^|;)Cert=(?:"([^"]*)"|([^;,"]*))/i;
const QUOTED_COMMA = /,(?=(?:[^"]*"[^"]*")*[^"]*$)/;

/** How a proxy writes a certificate. */
export type CertificateForm = "nginx" | "envoy" | "rfc9440";

class NotACertificate extends Error {}

/**
 * Which header brings the client's certificate, and how it is written there.
 *
 * Name one only behind a proxy that sets it on every request and removes what clients sent under its name: otherwise
 * anybody could send anybody's certificate, for certificates are public. `nginx` is `$ssl_client_escaped_cert`, also
 * the way of other proxies that percent-encode a PEM text; `envoy` is `x-forwarded-client-cert` with `Cert`; `rfc9440`
 * is `Client-Cert`.
 */
export class CertificateHeader {
  /** @throws ConfigError */
  constructor(
    readonly name: string,
    readonly form: CertificateForm,
  ) {
    if (!name || !Object.hasOwn(READERS, form)) {
      throw new ConfigError("a certificate header needs a name and one of the forms nginx, envoy and rfc9440");
    }
  }

  /** The certificate (DER) in the lines of this header, undefined where there is none. Throws InvalidRequest. */
  read(lines: readonly string[]): Uint8Array | undefined {
    const [value, ...more] = lines.map((line) => line.trim()).filter(Boolean);
    if (value === undefined) return undefined;
    if (more.length || value.length > MAX_HEADER) {
      throw new InvalidRequest("the certificate header came more than once, or is too large");
    }
    try {
      return READERS[this.form](value);
    } catch (error) {
      if (!(error instanceof NotACertificate || error instanceof URIError)) throw error;
      throw new InvalidRequest("the certificate header is malformed");
    }
  }

  /** The certificate in the headers of a request, for the `certificate` of the adapters. Throws InvalidRequest. */
  in(request: Request | IncomingMessage): Uint8Array | undefined {
    if (!("headersDistinct" in request)) return this.read([request.headers.get(this.name) ?? ""]);
    return this.read(request.headersDistinct[this.name.toLowerCase()] ?? []);
  }
}

/** A certificate as DER, from DER or from the first one in a PEM text. Throws ConfigError. */
export function readCertificate(certificate: Uint8Array | string): Uint8Array {
  try {
    if (typeof certificate === "string") return firstPem(certificate);
    return certificate[0] === SEQUENCE ? der(certificate) : firstPem(Buffer.from(certificate).toString("latin1"));
  } catch (error) {
    throw error instanceof NotACertificate ? new ConfigError("not a certificate in DER or PEM") : error;
  }
}

const READERS: Readonly<Record<CertificateForm, (value: string) => Uint8Array | undefined>> = {
  nginx: (value) => firstPem(decodeURIComponent(value)),
  envoy: (value) => {
    // With more than one, a proxy before this one wrote the others; which of them is the client is not ours to guess.
    if (QUOTED_COMMA.test(value)) throw new NotACertificate();
    const found = ENVOY_CERT.exec(value);
    return found === null ? undefined : firstPem(decodeURIComponent(found[1] || found[2] || ""));
  },
  rfc9440: (value) => {
    const text = /^:([^:]*):$/.exec(value)?.[1] ?? "";
    return fromBase64(text);
  },
};

function firstPem(text: string): Uint8Array {
  return fromBase64((PEM.exec(text)?.[1] ?? "").replace(/\s+/g, ""));
}

function fromBase64(text: string): Uint8Array {
  const data = Buffer.from(text, "base64");
  // Node reads leniently; what is not canonical does not come back the same.
  if (data.toString("base64") !== text) throw new NotACertificate();
  return der(data);
}

/** `data`, if it is one DER sequence and nothing else; what is in it was the proxy's to verify. */
function der(data: Uint8Array): Uint8Array {
  const [tag, first = 0] = data;
  if (data.length < 4 || tag !== SEQUENCE) throw new NotACertificate();
  const octets = first & 0x80 ? first & 0x7f : 0;
  const length = octets ? data.slice(2, 2 + octets).reduce((sum, octet) => sum * 256 + octet, 0) : first;
  if (octets > 3 || length + 2 + octets !== data.length) throw new NotACertificate();
  return data;
}
