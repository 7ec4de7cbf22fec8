/** Looks up signers' keys and keeps them imported. */
import { createPublicKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import type { Resolver } from "../port/resolver.ts";
import type { KeyRecord } from "./key-record.ts";
import { parseKeyRecord } from "./key-record.ts";
import { dnsNameOctetsMax, importedKeysMax, keyRecordOctetsMax, keyRecordsMax, rsaBitsMax, rsaBitsMin, rsaExponentMax } from "./limits.ts";
import type { Algorithm } from "./signature.ts";
import type { SignatureFault } from "./signature-fault.ts";
import { decodeBase64 } from "./tag-list.ts";

export interface PublicKey {
  readonly key: KeyObject;
  readonly keyType: KeyRecord["keyType"];
  readonly bits: number;
  readonly testing: boolean;
  readonly strictDomain: boolean;
}
export type KeyAnswer =
  | { readonly kind: "key"; readonly key: PublicKey; /** The DNS answer was validated by DNSSEC. */ readonly authentic: boolean }
  /** `bits` where a key was there, but of a size that is refused. */
  | { readonly kind: "fault"; readonly fault: SignatureFault; readonly bits: number | null };
type Read = { readonly kind: "key"; readonly key: PublicKey } | Extract<KeyAnswer, { kind: "fault" }>;
type Imported = { readonly kind: "imported"; readonly key: KeyObject; readonly bits: number } | { readonly kind: "fault"; readonly fault: SignatureFault; readonly bits: number | null };

/** DER in front of the 32 octets of an Ed25519 key (RFC 8410 section 4). */
const ED25519_PREFIX = Buffer.from("302a300506032b6570032100", "hex");
const KEY_TYPE: Record<Algorithm, KeyRecord["keyType"]> = { "rsa-sha256": "rsa", "ed25519-sha256": "ed25519" };

/**
 * One for the whole process. Answers of the DNS are cached by the resolver; here is kept what reading a record and importing its
 * key costs, by the text of the record, so that a changed record is a new entry and nothing has to expire.
 */
export class PublicKeys {
  readonly #resolver: Resolver;
  readonly #read: Map<string, Read>;

  constructor(resolver: Resolver, read = new Map<string, Read>()) {
    this.#resolver = resolver;
    this.#read = read;
  }

  /** The same keys by way of another resolver, such as one that bounds what a message may ask. */
  over(resolver: Resolver): PublicKeys {
    return new PublicKeys(resolver, this.#read);
  }

  /** The first usable key for the algorithm at `selector._domainkey.domain`, else what is wrong with the first record. */
  async find(domain: string, selector: string, algorithm: Algorithm): Promise<KeyAnswer> {
    const name = `${selector}._domainkey.${domain}`;
    if (name.length > dnsNameOctetsMax) return { kind: "fault", fault: "key-absent", bits: null };
    const answer = await this.#resolver.resolve(name, "TXT");
    if (answer.kind === "failure") return { kind: "fault", fault: "key-unavailable", bits: null };
    if (answer.kind === "void") return { kind: "fault", fault: "key-absent", bits: null };
    let first: KeyAnswer | null = null;
    for (const text of answer.records.slice(0, keyRecordsMax)) {
      const read = this.#readOnce(text);
      const found = answerOf(read, KEY_TYPE[algorithm], answer.authentic);
      if (found.kind === "key") return found;
      // A record that is a key says more than a stray text beside it.
      if (first === null || (first.kind === "fault" && first.fault === "key-malformed")) first = found;
    }
    return first!;
  }

  /** The oldest entry goes first, used or not: importing a key again every two thousand keys costs less than noting each use. */
  #readOnce(text: string): Read {
    const known = this.#read.get(text);
    if (known !== undefined) return known;
    const read = readRecord(text);
    if (text.length <= keyRecordOctetsMax) this.#read.set(text, read);
    if (this.#read.size > importedKeysMax) this.#read.delete(this.#read.keys().next().value!);
    return read;
  }
}

function answerOf(read: Read, keyType: KeyRecord["keyType"], authentic: boolean): KeyAnswer {
  if (read.kind === "fault") return read;
  if (read.key.keyType !== keyType) return { kind: "fault", fault: "key-unsuitable", bits: null };
  return { kind: "key", key: read.key, authentic };
}

function readRecord(text: string): Read {
  const parsed = parseKeyRecord(text);
  if (parsed.kind === "fault") return { kind: "fault", fault: parsed.fault, bits: null };
  const { keyType, publicKey, testing, strictDomain } = parsed.record;
  const imported = keyType === "rsa" ? importRsa(publicKey) : importEd25519(publicKey);
  if (imported.kind === "fault") return imported;
  return { kind: "key", key: { key: imported.key, keyType, bits: imported.bits, testing, strictDomain } };
}

function importEd25519(base64: string): Imported {
  const octets = decodeBase64(base64);
  const key = octets?.length === 32 ? importDer(Buffer.concat([ED25519_PREFIX, octets]), "spki") : null;
  return key === null ? { kind: "fault", fault: "key-malformed", bits: null } : { kind: "imported", key, bits: 256 };
}

/** RFC 6376 says RSAPublicKey (RFC 8017 appendix A.1.1), its examples and everybody else have it within a SubjectPublicKeyInfo (erratum 3017): both are taken. */
function importRsa(base64: string): Imported {
  const octets = decodeBase64(base64);
  const key = octets === null ? null : (importDer(octets, "spki") ?? importDer(octets, "pkcs1"));
  const { modulusLength: bits = 0, publicExponent = 0n } = key?.asymmetricKeyDetails ?? {};
  if (key === null || key.asymmetricKeyType !== "rsa" || publicExponent < 3n || publicExponent > rsaExponentMax) return { kind: "fault", fault: "key-malformed", bits: null };
  if (bits < rsaBitsMin) return { kind: "fault", fault: "key-too-short", bits };
  return bits > rsaBitsMax ? { kind: "fault", fault: "key-too-long", bits } : { kind: "imported", key, bits };
}

function importDer(der: Buffer, type: "spki" | "pkcs1"): KeyObject | null {
  try {
    return createPublicKey({ key: der, format: "der", type });
  } catch {
    // OpenSSL tells what it cannot read only by an exception.
    return null;
  }
}
