/**
 * The objects of the directory, as they are kept: JSON with a format number and the unique id of this revision.
 * Whatever does not read exactly so is `corrupt`: guessing about who owns an address would deliver mail to strangers.
 */
import type { ScramCredentials } from "../sasl/authenticator.ts";
import { ALIAS_TARGETS_MAX } from "./limits.ts";

/** What this version writes. Objects of a higher format were written by a newer version, and are left alone. */
const FORMAT = 1;

export interface DomainObject {
  readonly createdAt: number;
  /** The address that gets what no other address of the domain does. */
  readonly catchAll: string | null;
  /** Whether user+detail@ is user@ (RFC 5233). */
  readonly subaddressing: boolean;
  /** Set while the domain is being removed, so that an address added meanwhile is taken back. */
  readonly closing: boolean;
}
export type AddressObject =
  | { readonly kind: "account"; readonly accountId: string }
  /** Addresses, of ours or of others. */
  | { readonly kind: "alias"; readonly targets: readonly string[] };
export type Language = "ja" | "en";
export interface AccountObject {
  readonly address: string;
  /** A display name, or "". */
  readonly name: string;
  readonly credentials: ScramCredentials;
  readonly disabled: boolean;
  /** Octets; null is no limit. */
  readonly quotaBytes: number | null;
  readonly language: Language;
  readonly createdAt: number;
}
export interface SecretObject {
  readonly secret: Buffer;
}

/** How one kind of object is read and written. */
export interface Form<T> {
  write(value: T): Fields;
  parse(fields: Fields): T | null;
}
type Fields = Readonly<Record<string, unknown>>;

export type ParsedObject<T> = { readonly kind: "object"; readonly value: T; readonly revision: string } | { readonly kind: "corrupt"; readonly detail: string };

export function writeObject<T>(form: Form<T>, value: T, revision: string): Buffer {
  return Buffer.from(JSON.stringify({ format: FORMAT, revision, ...form.write(value) }), "utf8");
}

export function parseObject<T>(form: Form<T>, bytes: Uint8Array): ParsedObject<T> {
  const fields = parseFields(bytes);
  if (fields === null) return { kind: "corrupt", detail: "it is no JSON object" };
  if (fields.format !== FORMAT) return { kind: "corrupt", detail: `its format is ${String(fields.format)}, this version knows ${FORMAT}` };
  const value = form.parse(fields);
  if (value === null || typeof fields.revision !== "string" || fields.revision === "") return { kind: "corrupt", detail: "a field is missing or of the wrong type" };
  return { kind: "object", value, revision: fields.revision };
}

function parseFields(bytes: Uint8Array): Fields | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
    return isFields(value) ? value : null;
  } catch {
    return null;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const isText = (value: unknown): value is string => typeof value === "string";

export const domainForm: Form<DomainObject> = {
  write: (value) => ({ ...value }),
  parse({ createdAt, catchAll, subaddressing, closing }) {
    if (!isCount(createdAt) || !(catchAll === null || isText(catchAll)) || typeof subaddressing !== "boolean" || typeof closing !== "boolean") return null;
    return { createdAt, catchAll, subaddressing, closing };
  },
};

export const addressForm: Form<AddressObject> = {
  write: (value) => ({ ...value }),
  parse({ kind, accountId, targets }) {
    if (kind === "account") return isText(accountId) && accountId !== "" ? { kind, accountId } : null;
    if (kind !== "alias" || !Array.isArray(targets) || targets.length === 0 || targets.length > ALIAS_TARGETS_MAX || !targets.every(isText)) return null;
    return { kind, targets };
  },
};

export const accountForm: Form<AccountObject> = {
  write: (value) => ({ ...value, credentials: writeCredentials(value.credentials) }),
  parse(fields) {
    const { address, name, disabled, quotaBytes, language, createdAt } = fields;
    const credentials = parseCredentials(fields.credentials);
    if (!isText(address) || !isText(name) || credentials === null || typeof disabled !== "boolean") return null;
    if (!(quotaBytes === null || isCount(quotaBytes)) || !(language === "ja" || language === "en") || !isCount(createdAt)) return null;
    return { address, name, credentials, disabled, quotaBytes, language, createdAt };
  },
};

export const secretForm: Form<SecretObject> = {
  write: ({ secret }) => ({ secret: secret.toString("base64") }),
  parse({ secret }) {
    const octets = parseOctets(secret);
    return octets !== null && octets.length >= 32 ? { secret: octets } : null;
  },
};

function writeCredentials(credentials: ScramCredentials): Fields {
  const { salt, iterations, storedKey, serverKey } = credentials;
  return { salt: salt.toString("base64"), iterations, storedKey: storedKey.toString("base64"), serverKey: serverKey.toString("base64") };
}

function parseCredentials(value: unknown): ScramCredentials | null {
  if (!isFields(value)) return null;
  const [salt, storedKey, serverKey] = [parseOctets(value.salt), parseOctets(value.storedKey), parseOctets(value.serverKey)];
  const { iterations } = value;
  if (salt === null || salt.length < 8 || storedKey?.length !== 32 || serverKey?.length !== 32 || !isCount(iterations) || iterations < 4096) return null;
  return { salt, iterations, storedKey, serverKey };
}

function parseOctets(value: unknown): Buffer | null {
  if (!isText(value)) return null;
  const octets = Buffer.from(value, "base64");
  return octets.toString("base64") === value ? octets : null;
}
