/** Parameters of MAIL and RCPT: SIZE (RFC 1870), BODY (RFC 6152, 3030), SMTPUTF8 (RFC 6531), AUTH (RFC 4954), RET ENVID NOTIFY ORCPT (RFC 3461). */
import { parseAddress } from "../address/address.ts";
import { ENVELOPE_ID_BYTES_MAX, ORIGINAL_RECIPIENT_BYTES_MAX, PARAMETERS_MAX, SIZE_DIGITS_MAX } from "./limits.ts";
import { parseUtf8Address, parseXtext, writeUtf8AddressXtext, writeXtext } from "./xtext.ts";

export type BodyType = "7bit" | "8bitmime" | "binarymime";
export type Notify = readonly ("success" | "failure" | "delay")[] | "never";

/** Absent values are those the client did not give. */
export interface MailParameters {
  /** Octets; a value beyond the safe integers is that limit. */
  readonly size: number | null;
  readonly body: BodyType | null;
  readonly smtpUtf8: boolean;
  readonly ret: "full" | "headers" | null;
  /** Decoded: printable US-ASCII and space. */
  readonly envelopeId: string | null;
  /** RFC 4954 section 5: who submitted the message first, decoded; "" is `<>`. */
  readonly auth: string | null;
}
export interface RcptParameters {
  readonly notify: Notify | null;
  /** Decoded, with the address type: "rfc822;user@example.test", "utf-8;ユーザ@example.test". */
  readonly originalRecipient: string | null;
}
export const NO_MAIL_PARAMETERS: MailParameters = { size: null, body: null, smtpUtf8: false, ret: null, envelopeId: null, auth: null };
export const NO_RCPT_PARAMETERS: RcptParameters = { notify: null, originalRecipient: null };

/** `unknown` is answered 555, `invalid` 501 (RFC 5321 section 4.1.1.11). */
export type ParametersAnswer<P> = { readonly kind: "parameters"; readonly parameters: P } | { readonly kind: "unknown" } | { readonly kind: "invalid" };

type Pairs = readonly (readonly [keyword: string, value: string | null])[];

/** Splits what follows the path; null where it is malformed or names a keyword twice. */
function pairsOf(text: string): Pairs | null {
  const words = text.trim() === "" ? [] : text.trim().split(/ +/);
  if ((words.length > 0 && !text.startsWith(" ")) || words.length > PARAMETERS_MAX) return null;
  const seen = new Set<string>();
  const pairs: (readonly [string, string | null])[] = [];
  for (const word of words) {
    const match = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^\s=\x00-\x20\x7f]+))?$/u.exec(word);
    if (match === null) return null;
    const keyword = match[1]!.toUpperCase();
    if (seen.has(keyword)) return null;
    seen.add(keyword);
    pairs.push([keyword, match[2] ?? null]);
  }
  return pairs;
}

export function parseMailParameters(text: string): ParametersAnswer<MailParameters> {
  if (text === "") return { kind: "parameters", parameters: NO_MAIL_PARAMETERS };
  const pairs = pairsOf(text);
  if (pairs === null) return { kind: "invalid" };
  const found: { -readonly [K in keyof MailParameters]: MailParameters[K] } = { ...NO_MAIL_PARAMETERS };
  for (const [keyword, value] of pairs) {
    switch (keyword) {
      case "SIZE":
        found.size = parseSize(value);
        if (found.size === null) return { kind: "invalid" };
        break;
      case "BODY":
        found.body = parseBody(value);
        if (found.body === null) return { kind: "invalid" };
        break;
      case "SMTPUTF8":
        if (value !== null) return { kind: "invalid" };
        found.smtpUtf8 = true;
        break;
      case "RET":
        found.ret = value === null ? null : /^full$/i.test(value) ? "full" : /^hdrs$/i.test(value) ? "headers" : null;
        if (found.ret === null) return { kind: "invalid" };
        break;
      case "ENVID":
        found.envelopeId = value === null || value.length > ENVELOPE_ID_BYTES_MAX ? null : parseXtext(value);
        if (found.envelopeId === null) return { kind: "invalid" };
        break;
      case "AUTH":
        found.auth = parseSubmitter(value);
        if (found.auth === null) return { kind: "invalid" };
        break;
      default:
        return { kind: "unknown" };
    }
  }
  return { kind: "parameters", parameters: found };
}

export function parseRcptParameters(text: string): ParametersAnswer<RcptParameters> {
  if (text === "") return { kind: "parameters", parameters: NO_RCPT_PARAMETERS };
  const pairs = pairsOf(text);
  if (pairs === null) return { kind: "invalid" };
  const found: { -readonly [K in keyof RcptParameters]: RcptParameters[K] } = { ...NO_RCPT_PARAMETERS };
  for (const [keyword, value] of pairs) {
    switch (keyword) {
      case "NOTIFY":
        found.notify = parseNotify(value);
        if (found.notify === null) return { kind: "invalid" };
        break;
      case "ORCPT":
        found.originalRecipient = parseOriginalRecipient(value);
        if (found.originalRecipient === null) return { kind: "invalid" };
        break;
      default:
        return { kind: "unknown" };
    }
  }
  return { kind: "parameters", parameters: found };
}

function parseSize(value: string | null): number | null {
  if (value === null || value.length > SIZE_DIGITS_MAX || !/^[0-9]+$/.test(value)) return null;
  return Math.min(Number(value), Number.MAX_SAFE_INTEGER);
}

function parseBody(value: string | null): BodyType | null {
  const lower = value?.toLowerCase();
  return lower === "7bit" || lower === "8bitmime" || lower === "binarymime" ? lower : null;
}

/** RFC 4954 section 5: a mailbox or `<>` in xtext. */
function parseSubmitter(value: string | null): string | null {
  if (value === null) return null;
  const text = parseXtext(value);
  if (text === "<>") return "";
  return text !== null && parseAddress(text) !== null ? text : null;
}

function parseNotify(value: string | null): Notify | null {
  if (value === null) return null;
  if (/^never$/i.test(value)) return "never";
  const conditions = new Set<"success" | "failure" | "delay">();
  for (const word of value.split(",")) {
    const lower = word.toLowerCase();
    if (lower !== "success" && lower !== "failure" && lower !== "delay") return null;
    if (conditions.has(lower)) return null;
    conditions.add(lower);
  }
  return [...conditions];
}

/** RFC 3461 section 4.2; for the address type utf-8, RFC 6533 section 3. */
function parseOriginalRecipient(value: string | null): string | null {
  if (value === null || Buffer.byteLength(value) > ORIGINAL_RECIPIENT_BYTES_MAX) return null;
  const match = /^([A-Za-z0-9!#$%&'*+/?^_`{|}~.-]+);(.+)$/u.exec(value);
  if (match === null) return null;
  const [, type = "", written = ""] = match;
  const text = /^utf-8$/i.test(type) ? parseUtf8Address(written) : parseXtext(written);
  return text === null ? null : `${type};${text}`;
}

/** With a space in front of each parameter; "" for none. Values that cannot be written are left out. */
export function writeMailParameters(parameters: MailParameters): string {
  const envelopeId = parameters.envelopeId === null ? null : writeXtext(parameters.envelopeId);
  const auth = parameters.auth === null ? null : parameters.auth === "" ? "<>" : writeXtext(parameters.auth);
  return [
    parameters.size === null ? "" : ` SIZE=${parameters.size}`,
    parameters.body === null ? "" : ` BODY=${parameters.body.toUpperCase()}`,
    parameters.smtpUtf8 ? " SMTPUTF8" : "",
    parameters.ret === null ? "" : ` RET=${parameters.ret === "full" ? "FULL" : "HDRS"}`,
    envelopeId === null || envelopeId === "" || envelopeId.length > ENVELOPE_ID_BYTES_MAX ? "" : ` ENVID=${envelopeId}`,
    auth === null ? "" : ` AUTH=${auth}`,
  ].join("");
}

export function writeRcptParameters(parameters: RcptParameters): string {
  const { notify } = parameters;
  const original = parameters.originalRecipient === null ? null : writeOriginalRecipient(parameters.originalRecipient);
  const words = notify === null ? "" : notify === "never" ? " NOTIFY=NEVER" : notify.length === 0 ? "" : ` NOTIFY=${notify.map((word) => word.toUpperCase()).join(",")}`;
  return words + (original === null ? "" : ` ORCPT=${original}`);
}

/** Always US-ASCII, so that it can go to a server without SMTPUTF8. Null where the value has no written form. */
export function writeOriginalRecipient(original: string): string | null {
  const match = /^([A-Za-z0-9!#$%&'*+/?^_`{|}~.-]+);(.+)$/su.exec(original);
  if (match === null) return null;
  const [, type = "", text = ""] = match;
  const written = /^utf-8$/i.test(type) ? writeUtf8AddressXtext(text) : writeXtext(text);
  return written === null || type.length + 1 + written.length > ORIGINAL_RECIPIENT_BYTES_MAX ? null : `${type};${written}`;
}
