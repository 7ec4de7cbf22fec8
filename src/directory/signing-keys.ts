/**
 * DKIM keys of hosted domains (RFC 6376): made, brought through their states, and given to whoever signs.
 *
 * A private key is never in the clear outside of memory: it is sealed by a data key that the master key wraps, and its place in the
 * store is part of the seal, so that one object put in the place of another does not open.
 */
import type { Domain } from "../address/address.ts";
import type { Algorithm } from "../dkim/signature.ts";
import { parseSelector } from "../dkim/signature.ts";
import { generateSigningKey, recordOf, signingKey, type SigningKey, type SigningKeyType } from "../dkim/signing-key.ts";
import type { Cipher } from "../journal/cipher.ts";
import type { Keyring } from "../journal/keyring.ts";
import type { Clock } from "../port/clock.ts";
import type { ObjectStore } from "../port/object-store.ts";
import type { Random } from "../port/random.ts";
import { DKIM_KEYRING_PREFIX, DKIM_PREFIX, dkimKey, dkimPrefix, domainKey } from "./keys.ts";
import { LOOKUP_AGE_MS_MAX, SIGNING_DOMAINS_MAX, SIGNING_KEYS_MAX } from "./limits.ts";
import { AgingMap } from "./lookup.ts";
import { changeRecord, createRecord, deleteRecord, listKeys, readRecord, unavailable, type Unavailable } from "./records.ts";
import { signingKeyForm, type SigningKeyObject, type SigningKeyState } from "./signing-key-record.ts";
import { domainForm } from "./stored.ts";

type Absent = { readonly kind: "absent" };
export type GenerateAnswer =
  | { readonly kind: "added"; readonly key: SigningKeyObject }
  | { readonly kind: "exists" }
  | { readonly kind: "unknown-domain" }
  | { readonly kind: "unusable"; readonly why: string }
  | Unavailable;
export type KeysAnswer = { readonly kind: "list"; readonly entries: readonly SigningKeyObject[] } | Unavailable;
/** `refused`: no way leads from the state it is in. */
export type StateAnswer = { readonly kind: "done"; readonly key: SigningKeyObject } | Absent | { readonly kind: "refused"; readonly from: SigningKeyState } | Unavailable;
/** Keys that sign for a domain, RSA first, one of each algorithm; none where the domain has none. */
export type ActiveKeys = { readonly kind: "keys"; readonly keys: readonly SigningKey[] } | Unavailable;

/** From which states each state is reached. A retired key may sign again; a revoked one is gone. */
const FROM: Readonly<Record<Exclude<SigningKeyState, "pending">, readonly SigningKeyState[]>> = {
  published: ["pending", "published"],
  active: ["pending", "published", "active", "retired"],
  retired: ["active", "retired"],
  revoked: ["pending", "published", "active", "retired", "revoked"],
};

export interface SigningKeysOptions {
  readonly store: ObjectStore;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly random: Random;
}

export class SigningKeys {
  readonly #store: ObjectStore;
  readonly #keyring: Keyring;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #active: AgingMap<Promise<ActiveKeys>>;
  /** Opened private keys by their seal: it is another one whenever the key is. */
  readonly #opened = new Map<string, SigningKey>();
  #cipher: Cipher | null = null;

  constructor({ store, keyring, clock, random }: SigningKeysOptions) {
    this.#store = store;
    this.#keyring = keyring;
    this.#clock = clock;
    this.#random = random;
    this.#active = new AgingMap(clock, { entriesMax: SIGNING_DOMAINS_MAX, ageMsMax: LOOKUP_AGE_MS_MAX });
  }

  /** Makes a key in state "pending". A selector names one key for ever: it is not used again. */
  async generate(domain: Domain, selectorText: string, type: SigningKeyType): Promise<GenerateAnswer> {
    const selector = parseSelector(selectorText);
    const place = selector === null ? null : dkimKey(domain, selector);
    if (selector === null || place === null) return { kind: "unusable", why: `"${selectorText}" is no selector` };
    const hosted = await readRecord(this.#store, domainForm, domainKey(domain));
    if (hosted.kind !== "found") return hosted.kind === "absent" ? { kind: "unknown-domain" } : hosted;
    const others = await this.list(domain);
    if (others.kind !== "list") return others;
    if (others.entries.some((other) => other.selector === selector)) return { kind: "exists" };
    if (others.entries.length >= SIGNING_KEYS_MAX) return { kind: "unusable", why: `a domain has at most ${SIGNING_KEYS_MAX} keys` };
    const pem = await generateSigningKey(type);
    const made = signingKey({ domain, selector, pem });
    if (made.kind === "refused") return { kind: "unusable", why: `the ${made.because} cannot be used` };
    const cipher = await this.#openCipher("create");
    if ("kind" in cipher) return cipher;
    const key: SigningKeyObject = {
      domain, selector, algorithm: made.key.algorithm, state: "pending", sealed: cipher.seal(Buffer.from(pem, "utf8"), place), record: recordOf(made.key).text,
      createdAt: this.#clock.now(), publishedAt: null, activatedAt: null, retiredAt: null, revokedAt: null,
    };
    const created = await createRecord(this.#store, this.#random, signingKeyForm, place, key);
    return created.kind === "done" ? { kind: "added", key } : created;
  }

  /** The keys of a domain, or of all; by domain and selector. */
  async list(domain: string | null): Promise<KeysAnswer> {
    const entries: SigningKeyObject[] = [];
    for await (const place of listKeys(this.#store, domain === null ? DKIM_PREFIX : dkimPrefix(domain))) {
      if (typeof place !== "string") return place;
      const object = await readRecord(this.#store, signingKeyForm, place);
      if (object.kind === "unavailable") return object;
      // Removed between the list and the look.
      if (object.kind === "found") entries.push(object.value);
    }
    return { kind: "list", entries };
  }

  /** Brings a key into a state. When it becomes active, others of its domain and algorithm are retired: one signs at a time. */
  async setState(domain: string, selector: string, to: Exclude<SigningKeyState, "pending">): Promise<StateAnswer> {
    const changed = await this.#change(domain, selector, to);
    this.#active.delete(domain);
    if (to !== "active" || changed.kind !== "done") return changed;
    const others = await this.list(domain);
    if (others.kind !== "list") return others;
    for (const other of others.entries) {
      if (other.state !== "active" || other.selector === changed.key.selector || other.algorithm !== changed.key.algorithm) continue;
      const retired = await this.#change(domain, other.selector, "retired");
      if (retired.kind === "unavailable") return retired;
    }
    return changed;
  }

  /** Destroys all keys of a domain that is hosted no longer. */
  async removeDomain(domain: string): Promise<{ readonly kind: "done" } | Unavailable> {
    this.#active.delete(domain);
    for await (const place of listKeys(this.#store, dkimPrefix(domain))) {
      if (typeof place !== "string") return place;
      const deleted = await deleteRecord(this.#store, place);
      if (deleted.kind !== "done") return deleted;
    }
    return { kind: "done" };
  }

  /** What signs for a domain now, at most LOOKUP_AGE_MS_MAX old. A key that does not open is `unavailable`: unsigned mail would be refused elsewhere. */
  activeKeys(domain: string): Promise<ActiveKeys> {
    const kept = this.#active.get(domain);
    if (kept !== undefined) return kept;
    const asked = this.#readActive(domain).then((answer) => {
      if (answer.kind === "unavailable") this.#active.delete(domain);
      return answer;
    });
    this.#active.set(domain, asked);
    return asked;
  }

  async #readActive(domain: string): Promise<ActiveKeys> {
    const listed = await this.list(domain);
    if (listed.kind !== "list") return listed;
    const keys: SigningKey[] = [];
    for (const algorithm of ["rsa-sha256", "ed25519-sha256"] as const) {
      const newest = newestActive(listed.entries, algorithm);
      const opened = newest === null ? null : await this.#open(newest);
      if (opened !== null && "kind" in opened) return opened;
      if (opened !== null) keys.push(opened);
    }
    return { kind: "keys", keys };
  }

  async #open({ domain, selector, sealed }: SigningKeyObject): Promise<SigningKey | Unavailable> {
    const place = dkimKey(domain, selector);
    if (place === null || sealed === null) return unavailable(`${domain} ${selector}: there is no private key`);
    const seal = sealed.toString("latin1");
    const known = this.#opened.get(seal);
    if (known !== undefined) return known;
    const cipher = await this.#openCipher("open");
    if ("kind" in cipher) return cipher;
    const pem = cipher.open(sealed, place);
    const made = pem === null ? null : signingKey({ domain, selector, pem: pem.toString("utf8") });
    if (made?.kind !== "key") return unavailable(`${place}: the private key cannot be opened`);
    if (this.#opened.size >= 2 * SIGNING_DOMAINS_MAX) this.#opened.clear();
    this.#opened.set(seal, made.key);
    return made.key;
  }

  async #openCipher(how: "open" | "create"): Promise<Cipher | Unavailable> {
    if (this.#cipher !== null) return this.#cipher;
    const answer = how === "open" ? await this.#keyring.open(DKIM_KEYRING_PREFIX) : await this.#keyring.openOrCreate(DKIM_KEYRING_PREFIX);
    if (answer.kind === "cipher") return (this.#cipher = answer.cipher);
    return unavailable(answer.kind === "absent" ? `${DKIM_KEYRING_PREFIX}key is gone` : `${DKIM_KEYRING_PREFIX}key: ${answer.because}: ${answer.detail}`);
  }

  async #change(domain: string, selector: string, to: Exclude<SigningKeyState, "pending">): Promise<StateAnswer> {
    const place = dkimKey(domain, selector);
    if (place === null) return { kind: "absent" };
    const now = this.#clock.now();
    const changed = await changeRecord<SigningKeyObject, SigningKeyState>(this.#store, this.#random, signingKeyForm, place, (key) => {
      if (!FROM[to].includes(key.state)) return { kind: "refuse", why: key.state };
      return { kind: "write", value: { ...key, state: to, [`${to}At`]: now, ...(to === "revoked" ? { sealed: null } : {}) } };
    });
    if (changed.kind === "refused") return { kind: "refused", from: changed.why };
    return changed.kind === "done" ? { kind: "done", key: changed.value } : changed;
  }
}

/** After an activation that broke off in the middle there can be two. */
function newestActive(keys: readonly SigningKeyObject[], algorithm: Algorithm): SigningKeyObject | null {
  let newest: SigningKeyObject | null = null;
  for (const key of keys) if (key.state === "active" && key.algorithm === algorithm && (newest === null || (key.activatedAt ?? 0) > (newest.activatedAt ?? 0))) newest = key;
  return newest;
}
