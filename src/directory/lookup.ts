/** Reads of the directory on the way of every message and login, with a short memory for what was found. */
import type { Domain } from "../address/address.ts";
import type { Clock } from "../port/clock.ts";
import type { ObjectStore } from "../port/object-store.ts";
import { accountKey, addressObjectKey, domainKey } from "./keys.ts";
import { LOOKUP_AGE_MS_MAX, LOOKUP_ENTRIES_MAX } from "./limits.ts";
import { readRecord, type Found, type ReadRecord } from "./records.ts";
import { accountForm, addressForm, domainForm, type AccountObject, type AddressObject, type DomainObject, type Form } from "./stored.ts";

/** A map whose entries grow old: at most `entriesMax`, each at most `ageMsMax`. The oldest goes first. */
export class AgingMap<T> {
  readonly #clock: Clock;
  readonly #entries = new Map<string, { readonly value: T; readonly at: number }>();
  readonly #entriesMax: number;
  readonly #ageMsMax: number;

  constructor(clock: Clock, limits: { readonly entriesMax: number; readonly ageMsMax: number }) {
    this.#clock = clock;
    this.#entriesMax = limits.entriesMax;
    this.#ageMsMax = limits.ageMsMax;
  }
  get(key: string): T | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (this.#clock.monotonic() - entry.at < this.#ageMsMax) return entry.value;
    this.#entries.delete(key);
    return undefined;
  }
  set(key: string, value: T): void {
    // Deleting first moves the key to the end of the map's order, which is then the order of age.
    this.#entries.delete(key);
    this.#entries.set(key, { value, at: this.#clock.monotonic() });
    if (this.#entries.size <= this.#entriesMax) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      break;
    }
  }
  delete(key: string): void {
    this.#entries.delete(key);
  }
  get size(): number {
    return this.#entries.size;
  }
}

export class Lookup {
  readonly #store: ObjectStore;
  readonly #domains: AgingMap<Found<DomainObject>>;
  readonly #addresses: AgingMap<Found<AddressObject>>;
  readonly #accounts: AgingMap<Found<AccountObject>>;

  constructor(store: ObjectStore, clock: Clock) {
    const limits = { entriesMax: LOOKUP_ENTRIES_MAX, ageMsMax: LOOKUP_AGE_MS_MAX };
    this.#store = store;
    this.#domains = new AgingMap(clock, limits);
    this.#addresses = new AgingMap(clock, limits);
    this.#accounts = new AgingMap(clock, limits);
  }
  domain(domain: Domain): Promise<ReadRecord<DomainObject>> {
    return this.#read(this.#domains, domainForm, domainKey(domain));
  }
  /** `local` is the local part in the form in which addresses are compared. */
  async address(local: string, domain: Domain): Promise<ReadRecord<AddressObject>> {
    const key = addressObjectKey(local, domain);
    return key === null ? { kind: "absent" } : this.#read(this.#addresses, addressForm, key);
  }
  account(id: string): Promise<ReadRecord<AccountObject>> {
    return this.#read(this.#accounts, accountForm, accountKey(id));
  }
  /** Called after this process changed an object, so that it sees its own change at once. */
  forget(key: string): void {
    this.#domains.delete(key);
    this.#addresses.delete(key);
    this.#accounts.delete(key);
  }
  async #read<T>(known: AgingMap<Found<T>>, form: Form<T>, key: string): Promise<ReadRecord<T>> {
    const kept = known.get(key);
    if (kept !== undefined) return kept;
    const answer = await readRecord(this.#store, form, key);
    if (answer.kind === "found") known.set(key, answer);
    return answer;
  }
}
