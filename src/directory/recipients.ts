/**
 * Who an address stands for.
 *
 * An address of a hosted domain is looked for in this order: as it is written; without its +detail (RFC 5233), where the domain
 * has subaddressing; as postmaster@ or abuse@, which every hosted domain has (RFC 2142 section 4 and 5, RFC 5321 section 4.5.1);
 * as the domain's catch-all. Aliases are followed, each address once, so that a loop ends.
 *
 * Where nobody made an address for postmaster@ or abuse@, the first of these that exists gets its mail: the address in the setting
 * `postmaster`, the domain's catch-all, the domain's oldest account, the oldest account of all.
 */
import { addressKey, parseAddress, splitSubaddress, type Address } from "../address/address.ts";
import type { ObjectStore } from "../port/object-store.ts";
import { ACCOUNT_PREFIX, addressPrefix, parseKeyPart } from "./keys.ts";
import { ALIAS_DEPTH_MAX, ALIAS_RECIPIENTS_MAX, ROLE_SCAN_MAX } from "./limits.ts";
import type { Lookup } from "./lookup.ts";
import { listKeys, readRecord, unavailable, type Found, type Unavailable } from "./records.ts";
import { addressForm, type AddressObject, type DomainObject } from "./stored.ts";

export type Resolution =
  | {
    readonly kind: "local";
    /** Accounts here, each once. Empty where an alias only has targets elsewhere. */
    readonly accountIds: readonly string[];
    /** Alias targets in domains that are not ours. */
    readonly remote: readonly Address[];
    /** What followed the `+` of the address that was asked for, if it was left away (RFC 5233 `detail`). */
    readonly detail: string | null;
  }
  | { readonly kind: "unknown-domain" }
  | { readonly kind: "unknown-user" }
  /** Everybody it stands for is disabled. */
  | { readonly kind: "disabled" }
  /** The store cannot be asked, or aliases go deeper or wider than allowed. The peer may try again. */
  | Unavailable;

/** One step: what one address says, before aliases are followed. */
type Step =
  | { readonly kind: "account"; readonly accountId: string; readonly detail: string | null }
  | { readonly kind: "targets"; readonly targets: readonly Address[]; readonly detail: string | null }
  | { readonly kind: "not-ours" }
  | { readonly kind: "nobody" }
  | Unavailable;

interface Expansion {
  readonly accountIds: Set<string>;
  readonly remote: Map<string, Address>;
  disabled: boolean;
}

const ROLES: ReadonlySet<string> = new Set(["postmaster", "abuse"]);

export class Recipients {
  readonly #store: ObjectStore;
  readonly #lookup: Lookup;
  readonly #postmaster: Address | null;

  constructor(options: { readonly store: ObjectStore; readonly lookup: Lookup; readonly postmaster: Address | null }) {
    this.#store = options.store;
    this.#lookup = options.lookup;
    this.#postmaster = options.postmaster;
  }

  async resolve(address: Address): Promise<Resolution> {
    const first = await this.#step(address);
    if (first.kind === "unavailable") return first;
    if (first.kind === "not-ours") return { kind: "unknown-domain" };
    if (first.kind === "nobody") return { kind: "unknown-user" };
    const found = await this.#expand(address, first);
    if ("kind" in found) return found;
    if (found.accountIds.size + found.remote.size > 0) {
      return { kind: "local", accountIds: [...found.accountIds], remote: [...found.remote.values()], detail: first.detail };
    }
    return { kind: found.disabled ? "disabled" : "unknown-user" };
  }

  /**
   * Whether mail may be written as `address` by this account: its own address, that address with a +detail,
   * or an alias that stands for this account and nobody else. A catch-all gives no such right.
   */
  async owns(accountId: string, address: Address): Promise<boolean | "unavailable"> {
    const domain = await this.#lookup.domain(address.domain);
    if (domain.kind === "unavailable") return "unavailable";
    if (domain.kind === "absent") return false;
    const made = await this.#made(address, domain.value);
    if (made.kind === "unavailable") return "unavailable";
    if (made.kind === "account") return made.accountId === accountId;
    if (made.kind !== "targets") return false;
    const found = await this.#expand(address, made);
    if ("kind" in found) return "unavailable";
    return found.remote.size === 0 && found.accountIds.size === 1 && found.accountIds.has(accountId);
  }

  /** Follows aliases breadth first, each address once. */
  async #expand(address: Address, first: Step): Promise<Expansion | Unavailable> {
    const found: Expansion = { accountIds: new Set(), remote: new Map(), disabled: false };
    const seen = new Set([addressKey(address)]);
    let level: readonly { readonly address: Address; readonly step?: Step }[] = [{ address, step: first }];
    for (let depth = 0; level.length > 0; depth++) {
      if (depth > ALIAS_DEPTH_MAX) return unavailable(`aliases of ${addressKey(address)} are more than ${ALIAS_DEPTH_MAX} deep`);
      const next: { readonly address: Address }[] = [];
      for (const at of level) {
        const step = at.step ?? await this.#step(at.address);
        if (step.kind === "unavailable") return step;
        if (step.kind === "account") {
          const trouble = await this.#addAccount(found, step.accountId);
          if (trouble !== null) return trouble;
        } else if (step.kind === "not-ours") {
          found.remote.set(addressKey(at.address), at.address);
        } else if (step.kind === "targets") {
          for (const target of step.targets) {
            if (seen.has(addressKey(target))) continue;
            seen.add(addressKey(target));
            next.push({ address: target });
          }
        }
        const tooMany = found.accountIds.size + found.remote.size > ALIAS_RECIPIENTS_MAX || seen.size > ALIAS_RECIPIENTS_MAX * ALIAS_DEPTH_MAX;
        if (tooMany) return unavailable(`${addressKey(address)} stands for more than ${ALIAS_RECIPIENTS_MAX} recipients`);
      }
      level = next;
    }
    return found;
  }

  async #addAccount(found: Expansion, accountId: string): Promise<Unavailable | null> {
    const account = await this.#lookup.account(accountId);
    if (account.kind === "unavailable") return account;
    if (account.kind === "absent") return null;
    if (account.value.disabled) found.disabled = true;
    else found.accountIds.add(accountId);
    return null;
  }

  async #step(address: Address): Promise<Step> {
    const domain = await this.#lookup.domain(address.domain);
    if (domain.kind === "unavailable") return domain;
    if (domain.kind === "absent") return { kind: "not-ours" };
    const made = await this.#made(address, domain.value);
    if (made.kind !== "nobody") return made;
    const base = domain.value.subaddressing ? splitSubaddress(address.localPart) : { base: address.localPart, detail: null };
    if (ROLES.has(base.base.toLowerCase())) return this.#role(address, domain.value, base.detail);
    const catchAll = domain.value.catchAll === null ? null : parseAddress(domain.value.catchAll);
    return catchAll === null ? { kind: "nobody" } : { kind: "targets", targets: [catchAll], detail: null };
  }

  /** What somebody made for this address of a hosted domain. */
  async #made(address: Address, domain: DomainObject): Promise<Step> {
    const exact = await this.#lookup.address(localKey(address), address.domain);
    if (exact.kind !== "absent") return stepOf(exact, null);
    if (!domain.subaddressing) return { kind: "nobody" };
    const { base, detail } = splitSubaddress(address.localPart);
    if (detail === null) return { kind: "nobody" };
    const plain = await this.#lookup.address(localKey({ localPart: base, domain: address.domain }), address.domain);
    return plain.kind === "absent" ? { kind: "nobody" } : stepOf(plain, detail);
  }

  async #role(address: Address, domain: DomainObject, detail: string | null): Promise<Step> {
    for (const candidate of [this.#postmaster, domain.catchAll === null ? null : parseAddress(domain.catchAll)]) {
      if (candidate === null) continue;
      const exists = await this.#exists(candidate);
      if (exists === true) return { kind: "targets", targets: [candidate], detail };
      if (exists !== false) return exists;
    }
    const oldest = await this.#oldestAccount(address.domain);
    if (oldest === null || typeof oldest === "object") return oldest ?? { kind: "nobody" };
    return { kind: "account", accountId: oldest, detail };
  }

  /** Whether mail to this address goes somewhere that somebody made, or is not ours. Never looks at roles and catch-alls, so it cannot go round. */
  async #exists(address: Address): Promise<boolean | Unavailable> {
    const domain = await this.#lookup.domain(address.domain);
    if (domain.kind === "unavailable") return domain;
    if (domain.kind === "absent") return true;
    const made = await this.#made(address, domain.value);
    return made.kind === "unavailable" ? made : made.kind !== "nobody";
  }

  /** The oldest account that is not disabled and has an address in the domain, or else the oldest of all: ids rise with time. */
  async #oldestAccount(domain: Address["domain"]): Promise<string | null | Unavailable> {
    let oldest: string | null = null;
    for await (const key of listKeys(this.#store, addressPrefix(domain), ROLE_SCAN_MAX)) {
      if (typeof key !== "string") return key;
      const object = await readRecord(this.#store, addressForm, key);
      if (object.kind === "unavailable") return object;
      if (object.kind !== "found" || object.value.kind !== "account" || (oldest !== null && object.value.accountId > oldest)) continue;
      const enabled = await this.#isEnabled(object.value.accountId);
      if (typeof enabled !== "boolean") return enabled;
      if (enabled) oldest = object.value.accountId;
    }
    if (oldest !== null) return oldest;
    for await (const key of listKeys(this.#store, ACCOUNT_PREFIX, ROLE_SCAN_MAX)) {
      if (typeof key !== "string") return key;
      const id = parseKeyPart(key.slice(ACCOUNT_PREFIX.length));
      const enabled = id === null ? false : await this.#isEnabled(id);
      if (typeof enabled !== "boolean") return enabled;
      if (enabled) return id;
    }
    return null;
  }

  async #isEnabled(accountId: string): Promise<boolean | Unavailable> {
    const account = await this.#lookup.account(accountId);
    if (account.kind === "unavailable") return account;
    return account.kind === "found" && !account.value.disabled;
  }
}

/** The local part as addresses are compared: `user` of `User@example.test`. */
export function localKey(address: Address): string {
  const key = addressKey(address);
  return key.slice(0, key.length - address.domain.length - 1);
}

function stepOf(object: Found<AddressObject> | Unavailable, detail: string | null): Step {
  if (object.kind === "unavailable") return object;
  if (object.value.kind === "account") return { kind: "account", accountId: object.value.accountId, detail };
  const targets: Address[] = [];
  for (const text of object.value.targets) {
    const target = parseAddress(text);
    if (target === null) return unavailable(`the alias target "${text}" is no address`);
    targets.push(target);
  }
  return { kind: "targets", targets, detail };
}
