/**
 * The directory: which domains are hosted here, which addresses they have, and whose they are.
 *
 * Every change is one object written with compare-and-swap, in an order that leaves nothing half-owned when the process dies in between:
 * an account's object is there before its address points at it, and after its address has gone.
 * A domain is closed before it is removed, and whoever adds an address looks at the domain again afterwards; so of an address added
 * and a domain removed at the same time one notices the other.
 */
import { writeAddress, type Address, type Domain } from "../address/address.ts";
import { parseDomain } from "../address/domain.ts";
import { unreachable } from "../base/assert.ts";
import type { Clock } from "../port/clock.ts";
import type { ObjectStore } from "../port/object-store.ts";
import type { Random } from "../port/random.ts";
import type { ScramCredentials } from "../sasl/authenticator.ts";
import { makeCredentials } from "../sasl/password.ts";
import { ACCOUNT_PREFIX, ADDRESS_PREFIX, DOMAIN_PREFIX, accountKey, addressObjectKey, addressPrefix, domainKey, parseKeyPart, writeAccountId } from "./keys.ts";
import { ALIAS_TARGETS_MAX, CREDENTIAL_ITERATIONS, NAME_BYTES_MAX, SALT_BYTES } from "./limits.ts";
import type { Lookup } from "./lookup.ts";
import { localKey } from "./recipients.ts";
import { changeRecord, createRecord, deleteRecord, listKeys, readRecord, unavailable, type Found, type ReadRecord, type Unavailable } from "./records.ts";
import { accountForm, addressForm, domainForm, type AccountObject, type AddressObject, type DomainObject, type Form, type Language } from "./stored.ts";

export type { Language } from "./stored.ts";
export type { Unavailable } from "./records.ts";

export interface NewAccount {
  readonly address: Address;
  readonly password: string;
  readonly name?: string;
  /** Octets; null or absent is no limit. */
  readonly quotaBytes?: number | null;
  readonly language?: Language;
}
export interface AccountEntry extends AccountObject {
  readonly accountId: string;
  /** False where the deletion of this account was begun and not finished. */
  readonly attached: boolean;
}
export interface DomainEntry extends DomainObject {
  readonly domain: string;
}
export interface AliasEntry {
  readonly address: string;
  readonly targets: readonly string[];
}

type Done = { readonly kind: "done" };
type Exists = { readonly kind: "exists" };
type Absent = { readonly kind: "absent" };
type UnknownDomain = { readonly kind: "unknown-domain" };
/** The value cannot be kept as it is: an empty or unusable password, a name too long, no target or too many. */
type Unusable = { readonly kind: "unusable"; readonly why: string };
export type AddAccountAnswer = { readonly kind: "added"; readonly accountId: string } | Exists | UnknownDomain | Unusable | Unavailable;
export type AccountAnswer = { readonly kind: "found"; readonly account: AccountEntry } | Absent | Unavailable;
export type ListOf<T> = { readonly kind: "list"; readonly entries: readonly T[] } | Unavailable;

/** What an account holds: its mail and its key, which are not the directory's business. Both may be called again after a failure. */
export interface AccountContents {
  /** Makes what an account needs before its first message. */
  prepare(accountId: string): Promise<Done | Unavailable>;
  erase(accountId: string): Promise<Done | Unavailable>;
}

export interface DirectoryOptions {
  readonly store: ObjectStore;
  readonly lookup: Lookup;
  readonly clock: Clock;
  readonly random: Random;
  readonly contents: AccountContents;
  /** For tests, which have many accounts and no secrets. */
  readonly iterations?: number;
}

export class Directory {
  readonly #store: ObjectStore;
  readonly #lookup: Lookup;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #contents: AccountContents;
  readonly #iterations: number;

  constructor(options: DirectoryOptions) {
    this.#store = options.store;
    this.#lookup = options.lookup;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#contents = options.contents;
    this.#iterations = options.iterations ?? CREDENTIAL_ITERATIONS;
  }

  async addDomain(domain: Domain): Promise<Done | Exists | Unusable | Unavailable> {
    if (domain.startsWith("[")) return { kind: "unusable", why: "an address literal is no domain that can be hosted" };
    const value = { createdAt: this.#clock.now(), catchAll: null, subaddressing: true, closing: false };
    return this.#create(domainForm, domainKey(domain), value);
  }

  async changeDomain(domain: Domain, change: { readonly catchAll?: Address | null; readonly subaddressing?: boolean }): Promise<Done | Absent | Unavailable> {
    return this.#change(domainForm, domainKey(domain), (value) => ({
      ...value,
      ...(change.catchAll === undefined ? {} : { catchAll: change.catchAll === null ? null : writeAddress(change.catchAll) }),
      ...(change.subaddressing === undefined ? {} : { subaddressing: change.subaddressing }),
    }));
  }

  /** Refused while the domain has addresses. */
  async removeDomain(domain: Domain): Promise<Done | Absent | { readonly kind: "in-use" } | Unavailable> {
    const key = domainKey(domain);
    const closed = await this.#change(domainForm, key, (value) => ({ ...value, closing: true }));
    if (closed.kind !== "done") return closed;
    for await (const address of listKeys(this.#store, addressPrefix(domain), 1)) {
      const opened = await this.#change(domainForm, key, (value) => ({ ...value, closing: false }));
      if (opened.kind === "unavailable") return opened;
      return typeof address === "string" ? { kind: "in-use" } : address;
    }
    return this.#delete(key);
  }

  listDomains(): Promise<ListOf<DomainEntry>> {
    return this.#list(DOMAIN_PREFIX, domainForm, (object, key) => ({ ...object.value, domain: parseKeyPart(key.slice(DOMAIN_PREFIX.length)) ?? key }));
  }

  /** An account that broke off half-made has no address, gets no mail, and is finished off by `deleteAccount`. */
  async addAccount(wanted: NewAccount): Promise<AddAccountAnswer> {
    const { address, password, name = "", quotaBytes = null, language = "en" } = wanted;
    const key = addressObjectKey(localKey(address), address.domain);
    if (key === null) return { kind: "unusable", why: "the address is too long" };
    if (Buffer.byteLength(name) > NAME_BYTES_MAX) return { kind: "unusable", why: `the name is longer than ${NAME_BYTES_MAX} octets` };
    const open = await this.#openDomain(address.domain);
    if (open.kind !== "done") return open;
    const taken = await this.#addressObject(address);
    if (taken.kind !== "absent") return taken.kind === "found" ? { kind: "exists" } : taken;
    const credentials = await this.#credentials(password);
    if ("kind" in credentials) return credentials;
    const now = this.#clock.now();
    const accountId = writeAccountId(now, this.#random.bytes(7));
    const account = { address: writeAddress(address), name, credentials, disabled: false, quotaBytes, language, createdAt: now };
    const created = await this.#create(accountForm, accountKey(accountId), account);
    if (created.kind === "exists") return unavailable("two accounts were given one id; try again");
    if (created.kind !== "done") return created;
    const prepared = await this.#contents.prepare(accountId);
    const pointed = prepared.kind === "done" ? await this.#addAddress(key, address.domain, { kind: "account", accountId }) : prepared;
    if (pointed.kind === "done") return { kind: "added", accountId };
    const erased = await this.#contents.erase(accountId);
    if (erased.kind === "done") await this.#delete(accountKey(accountId));
    return pointed;
  }

  /** The account whose own address this is, or whose deletion was begun. */
  async account(address: Address): Promise<AccountAnswer> {
    const object = await this.#addressObject(address);
    if (object.kind === "unavailable") return object;
    if (object.kind === "found") {
      if (object.value.kind !== "account") return { kind: "absent" };
      const { accountId } = object.value;
      const account = await readRecord(this.#store, accountForm, accountKey(accountId));
      return account.kind === "found" ? { kind: "found", account: { ...account.value, accountId, attached: true } } : account;
    }
    return this.#unattached(address);
  }

  /** What is known of an account by its id, at most LOOKUP_AGE_MS_MAX old: asked for every delivery and session. */
  async accountFacts(accountId: string): Promise<{ readonly kind: "found"; readonly account: AccountObject } | Absent | Unavailable> {
    const found = await this.#lookup.account(accountId);
    return found.kind === "found" ? { kind: "found", account: found.value } : found;
  }

  async setPassword(address: Address, password: string): Promise<Done | Absent | Unusable | Unavailable> {
    const credentials = await this.#credentials(password);
    if ("kind" in credentials) return credentials;
    return this.#changeAccount(address, (account) => ({ ...account, credentials }));
  }

  /** A disabled account keeps its mail, gets none, and cannot log in. */
  setDisabled(address: Address, disabled: boolean): Promise<Done | Absent | Unavailable> {
    return this.#changeAccount(address, (account) => ({ ...account, disabled }));
  }

  async changeAccount(
    address: Address, change: { readonly name?: string; readonly quotaBytes?: number | null; readonly language?: Language },
  ): Promise<Done | Absent | Unusable | Unavailable> {
    if (Buffer.byteLength(change.name ?? "") > NAME_BYTES_MAX) return { kind: "unusable", why: `the name is longer than ${NAME_BYTES_MAX} octets` };
    return this.#changeAccount(address, (account) => ({ ...account, ...change }));
  }

  /**
   * Disables the account, takes its address away, erases what it holds, and removes the account last,
   * so that a deletion that broke off is found again by its address and finished by the next call.
   */
  async deleteAccount(address: Address): Promise<Done | Absent | Unavailable> {
    const answer = await this.account(address);
    if (answer.kind !== "found") return answer;
    const { accountId, attached } = answer.account;
    const disabled = await this.#change(accountForm, accountKey(accountId), (account) => ({ ...account, disabled: true }));
    if (disabled.kind !== "done") return disabled;
    const key = addressObjectKey(localKey(address), address.domain);
    if (attached && key !== null) {
      const detached = await this.#delete(key);
      if (detached.kind !== "done") return detached;
    }
    const erased = await this.#contents.erase(accountId);
    return erased.kind === "done" ? this.#delete(accountKey(accountId)) : erased;
  }

  async listAccounts(): Promise<ListOf<AccountEntry>> {
    const listed = await this.#list(ACCOUNT_PREFIX, accountForm, (object, key) => ({ ...object.value, accountId: parseKeyPart(key.slice(ACCOUNT_PREFIX.length)) ?? key, attached: false }));
    if (listed.kind !== "list") return listed;
    const pointed = await this.#list(ADDRESS_PREFIX, addressForm, (object) => object.value.kind === "account" ? object.value.accountId : null);
    if (pointed.kind !== "list") return pointed;
    const attached = new Set(pointed.entries);
    return { kind: "list", entries: listed.entries.map((account) => ({ ...account, attached: attached.has(account.accountId) })) };
  }

  /** Makes an alias, or adds targets to one. `exists` where the address is an account's. */
  async addAlias(address: Address, targets: readonly Address[]): Promise<Done | Exists | UnknownDomain | Unusable | Unavailable> {
    const key = addressObjectKey(localKey(address), address.domain);
    if (key === null) return { kind: "unusable", why: "the address is too long" };
    const texts = [...new Set(targets.map((target) => writeAddress(target)))];
    const tooMany = { kind: "unusable" as const, why: `an alias has 1 to ${ALIAS_TARGETS_MAX} targets` };
    if (texts.length === 0 || texts.length > ALIAS_TARGETS_MAX) return tooMany;
    const open = await this.#openDomain(address.domain);
    if (open.kind !== "done") return open;
    const added = await this.#addAddress(key, address.domain, { kind: "alias", targets: texts });
    if (added.kind !== "exists") return added;
    const changed = await changeRecord<AddressObject, "account" | "too-many">(this.#store, this.#random, addressForm, key, (value) => {
      if (value.kind === "account") return { kind: "refuse", why: "account" };
      const union = [...new Set([...value.targets, ...texts])];
      return union.length > ALIAS_TARGETS_MAX ? { kind: "refuse", why: "too-many" } : { kind: "write", value: { kind: "alias", targets: union } };
    });
    this.#lookup.forget(key);
    if (changed.kind === "refused") return changed.why === "account" ? { kind: "exists" } : tooMany;
    if (changed.kind === "absent") return unavailable("the alias was removed at the same moment");
    return changed.kind === "done" ? { kind: "done" } : changed;
  }

  /** Removes an alias, or only these targets of it. */
  async removeAlias(address: Address, targets: readonly Address[] = []): Promise<Done | Absent | Unavailable> {
    const key = addressObjectKey(localKey(address), address.domain);
    const object = await this.#addressObject(address);
    if (object.kind === "unavailable") return object;
    if (key === null || object.kind === "absent" || object.value.kind !== "alias") return { kind: "absent" };
    const gone = new Set(targets.map((target) => writeAddress(target)));
    if (gone.size === 0 || object.value.targets.every((target) => gone.has(target))) return this.#delete(key);
    const changed = await changeRecord<AddressObject, "none-of-them">(this.#store, this.#random, addressForm, key, (value) => {
      const left = value.kind === "alias" ? value.targets.filter((target) => !gone.has(target)) : [];
      if (value.kind !== "alias" || left.length === 0 || left.length === value.targets.length) return { kind: "refuse", why: "none-of-them" };
      return { kind: "write", value: { kind: "alias", targets: left } };
    });
    this.#lookup.forget(key);
    if (changed.kind === "refused") return { kind: "absent" };
    return changed.kind === "done" ? { kind: "done" } : changed;
  }

  async listAliases(): Promise<ListOf<AliasEntry>> {
    return this.#list(ADDRESS_PREFIX, addressForm, ({ value }, key) => (value.kind === "alias" ? { address: addressOfKey(key), targets: value.targets } : null));
  }

  async #credentials(password: string): Promise<ScramCredentials | Unusable> {
    const credentials = await makeCredentials(password, this.#random.bytes(SALT_BYTES), this.#iterations);
    return credentials ?? { kind: "unusable", why: "the password is empty, too long, or holds control characters" };
  }

  async #openDomain(domain: Domain): Promise<Done | UnknownDomain | Unavailable> {
    const found = await readRecord(this.#store, domainForm, domainKey(domain));
    if (found.kind === "unavailable") return found;
    return found.kind === "found" && !found.value.closing ? { kind: "done" } : { kind: "unknown-domain" };
  }

  /** Writes an address where there is none, and takes it back if the domain was closed at the same time. */
  async #addAddress(key: string, domain: Domain, value: AddressObject): Promise<Done | Exists | UnknownDomain | Unavailable> {
    const created = await this.#create(addressForm, key, value);
    if (created.kind !== "done") return created;
    const open = await this.#openDomain(domain);
    if (open.kind === "done") return open;
    const taken = await this.#delete(key);
    return taken.kind === "done" ? open : taken;
  }

  async #addressObject(address: Address): Promise<ReadRecord<AddressObject>> {
    const key = addressObjectKey(localKey(address), address.domain);
    return key === null ? { kind: "absent" } : readRecord(this.#store, addressForm, key);
  }

  async #unattached(address: Address): Promise<AccountAnswer> {
    const listed = await this.listAccounts();
    if (listed.kind !== "list") return listed;
    const text = writeAddress(address).toLowerCase();
    const account = listed.entries.find((entry) => !entry.attached && entry.address.toLowerCase() === text);
    return account === undefined ? { kind: "absent" } : { kind: "found", account };
  }

  async #changeAccount(address: Address, change: (account: AccountObject) => AccountObject): Promise<Done | Absent | Unavailable> {
    const answer = await this.account(address);
    if (answer.kind !== "found") return answer;
    if (!answer.account.attached) return { kind: "absent" };
    return this.#change(accountForm, accountKey(answer.account.accountId), change);
  }

  async #create<T>(form: Form<T>, key: string, value: T): Promise<Done | Exists | Unavailable> {
    const answer = await createRecord(this.#store, this.#random, form, key, value);
    this.#lookup.forget(key);
    return answer;
  }

  async #change<T>(form: Form<T>, key: string, change: (value: T) => T): Promise<Done | Absent | Unavailable> {
    const answer = await changeRecord<T, never>(this.#store, this.#random, form, key, (value) => ({ kind: "write", value: change(value) }));
    this.#lookup.forget(key);
    switch (answer.kind) {
      case "done":
        return { kind: "done" };
      case "refused":
        return unreachable(answer.why);
      case "absent":
      case "unavailable":
        return answer;
      default:
        return unreachable(answer);
    }
  }

  async #delete(key: string): Promise<Done | Unavailable> {
    const answer = await deleteRecord(this.#store, key);
    this.#lookup.forget(key);
    return answer;
  }

  /** Everything under a prefix for which `entryOf` answers something, in the order of the keys. */
  async #list<T, E>(prefix: string, form: Form<T>, entryOf: (object: Found<T>, key: string) => E | null): Promise<ListOf<E>> {
    const entries: E[] = [];
    for await (const key of listKeys(this.#store, prefix)) {
      if (typeof key !== "string") return key;
      const object = await readRecord(this.#store, form, key);
      if (object.kind === "unavailable") return object;
      const entry = object.kind === "found" ? entryOf(object, key) : null;
      if (entry !== null) entries.push(entry);
    }
    return { kind: "list", entries };
  }
}

/** The address whose object has this key, for people. */
export function addressOfKey(key: string): string {
  const [domain = "", local = ""] = key.slice(ADDRESS_PREFIX.length).split("/");
  const [localPart, parsed] = [parseKeyPart(local) ?? local, parseDomain(parseKeyPart(domain) ?? "")];
  return parsed === null ? `${localPart}@${domain}` : writeAddress({ localPart, domain: parsed });
}
