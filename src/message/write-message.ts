/** Writes messages of our own, such as delivery reports (RFC 6522): RFC 5322 and 2045, CRLF line ends. */
import { ascii, utf8 } from "../base/bytes.ts";
import type { Random } from "../port/random.ts";
import { encodeHeaderText } from "./encoded-word.ts";
import { toCrlf } from "./line-end.ts";
import { lineOctetsMax } from "./limits.ts";
import { CR, LF } from "./octets.ts";
import { encodeBase64, encodeQuotedPrintable } from "./transfer-encoding.ts";

type Pairs = readonly (readonly [name: string, value: string])[];

export interface ComposedPart {
  /** Fields in front of the content fields, which are added: Content-Type, Content-Transfer-Encoding, and MIME-Version on top. */
  readonly fields: Pairs;
  readonly body: ComposedBody;
}
export type ComposedBody =
  /** A text type; written as UTF-8 in quoted-printable or base64 where it needs one. Any line ends. */
  | { readonly kind: "text"; readonly subtype: string; readonly text: string; readonly params?: Pairs }
  /**
   * Octets as they are: message/delivery-status, message/rfc822, text/rfc822-headers, attachments. message/* is never encoded
   * (RFC 2046 section 5.2.1), others get base64 where they are not lines of US-ASCII.
   */
  | { readonly kind: "octets"; readonly type: string; readonly octets: Buffer; readonly params?: Pairs }
  | { readonly kind: "multipart"; readonly subtype: string; readonly params?: Pairs; readonly parts: readonly ComposedPart[] };

export interface WriteOptions {
  /** Field values stay UTF-8 (RFC 6532), for mail that goes by SMTPUTF8. Otherwise they become encoded words. */
  readonly utf8Fields?: boolean;
}

/** Octets of the whole message. Field values are folded; their controls are encoded, so a value can never add a field. */
export function writeMessage(message: ComposedPart, random: Random, options: WriteOptions = {}): Buffer {
  const writer = new Writer(random, options.utf8Fields ?? false);
  const { fields, body } = message;
  return writer.part({ fields: [...fields, ["MIME-Version", "1.0"]], body }).octets;
}

/** In the order of what they ask from the way: a multipart has the highest of its parts (RFC 2045 section 6.4). */
const ENCODINGS = ["7bit", "quoted-printable", "base64", "8bit"] as const;
type Encoding = (typeof ENCODINGS)[number];
interface Written {
  readonly octets: Buffer;
  readonly eightBit: boolean;
}

class Writer {
  readonly #random: Random;
  readonly #utf8Fields: boolean;

  constructor(random: Random, utf8Fields: boolean) {
    this.#random = random;
    this.#utf8Fields = utf8Fields;
  }

  part({ fields, body }: ComposedPart): Written {
    switch (body.kind) {
      case "text": {
        const octets = toCrlf(utf8(body.text.toWellFormed()));
        const encoding = textEncoding(octets);
        return this.#write(fields, `text/${body.subtype}`, [...(body.params ?? []), ["charset", "utf-8"]], encoding, encode(octets, encoding));
      }
      case "octets": {
        const encoding = octetsEncoding(body.type, body.octets);
        return this.#write(fields, body.type, body.params ?? [], encoding, encode(body.octets, encoding));
      }
      case "multipart": {
        const parts = body.parts.map((part) => this.part(part));
        const boundary = this.#boundaryFor(parts);
        const pieces = parts.flatMap(({ octets }) => [ascii(`--${boundary}\r\n`), octets, ascii("\r\n")]);
        const octets = Buffer.concat([...pieces, ascii(`--${boundary}--\r\n`)]);
        const encoding = parts.some((part) => part.eightBit) ? "8bit" : "7bit";
        return this.#write(fields, `multipart/${body.subtype}`, [...(body.params ?? []), ["boundary", boundary]], encoding, octets);
      }
    }
  }

  #write(fields: Pairs, type: string, params: Pairs, encoding: Encoding, body: Buffer): Written {
    const lines = fields.map(([name, value]) => `${name}: ${this.#fieldText(name, value)}\r\n`);
    lines.push(`Content-Type: ${type}${params.map(([name, value]) => `;\r\n ${writeParameter(name, value)}`).join("")}\r\n`);
    if (encoding !== "7bit") lines.push(`Content-Transfer-Encoding: ${encoding}\r\n`);
    return { octets: Buffer.concat([utf8(lines.join("")), ascii("\r\n"), body]), eightBit: encoding === "8bit" || this.#hasRawFields(fields) };
  }

  #fieldText(name: string, value: string): string {
    if (this.#utf8Fields) return value.toWellFormed().replace(/[\x00-\x1f\x7f]+/g, " ");
    return encodeHeaderText(value, name.length + 2);
  }

  #hasRawFields(fields: Pairs): boolean {
    return this.#utf8Fields && fields.some(([, value]) => /[^\x00-\x7f]/.test(value));
  }

  /** "=_" is in no base64 and no quoted-printable. Octets as they are could hold anything, another of our messages too. */
  #boundaryFor(parts: readonly Written[]): string {
    for (;;) {
      const boundary = `=_${this.#random.bytes(18).toString("hex")}`;
      if (!parts.some(({ octets }) => octets.includes(boundary))) return boundary;
    }
  }
}

/** Token, quoted string (RFC 2045 section 5.1), or charset and percent encoding (RFC 2231 section 4). */
function writeParameter(name: string, value: string): string {
  if (/^[!#$%&'*+.^_`{|}~0-9A-Za-z-]+$/.test(value)) return `${name}=${value}`;
  if (/^[\x20-\x7e]*$/.test(value)) return `${name}="${value.replace(/["\\]/g, "\\$&")}"`;
  const octets = utf8(value.toWellFormed());
  const encoded = Array.from(octets, (octet) => (/[0-9A-Za-z._-]/.test(String.fromCharCode(octet)) ? String.fromCharCode(octet) : `%${octet.toString(16).toUpperCase().padStart(2, "0")}`));
  return `${name}*=utf-8''${encoded.join("")}`;
}

function encode(octets: Buffer, encoding: Encoding): Buffer {
  switch (encoding) {
    case "base64":
      return ascii(encodeBase64(octets));
    case "quoted-printable":
      return ascii(encodeQuotedPrintable(octets));
    case "7bit":
    case "8bit":
      return octets;
  }
}

/** Base64 costs a third more; quoted-printable twice as much per octet above 127, but people and filters can read the rest. */
function textEncoding(octets: Buffer): Encoding {
  if (isSevenBit(octets)) return "7bit";
  let high = 0;
  for (const octet of octets) if (octet > 127) high++;
  return high * 6 > octets.length ? "base64" : "quoted-printable";
}

function octetsEncoding(type: string, octets: Buffer): Encoding {
  if (isSevenBit(octets)) return "7bit";
  return /^message\//i.test(type) ? "8bit" : "base64";
}

/** RFC 2045 section 2.7: short lines, ended by CRLF, of octets 1 to 127. */
function isSevenBit(octets: Buffer): boolean {
  let lineStart = 0;
  for (let i = 0; i < octets.length; i++) {
    const octet = octets[i]!;
    if (octet === 0 || octet > 127) return false;
    if (octet === CR && octets[i + 1] !== LF) return false;
    if (octet !== LF) continue;
    if (octets[i - 1] !== CR || i - 1 - lineStart > lineOctetsMax) return false;
    lineStart = i + 1;
  }
  return octets.length - lineStart <= lineOctetsMax;
}
