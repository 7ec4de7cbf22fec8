/**
 * Logins: the directory as the SASL mechanisms see it.
 *
 * A login name is an account's own address in any case, or its local part where a default domain is set. Aliases are no login names.
 * Checking a password costs 14 ms of a thread on purpose, so one that was right is remembered for some minutes: as an HMAC under a key
 * that this process made and never shows, over the account, the revision of its credentials, and the password.
 * An unknown name costs the same as a wrong password, and gets the same made-up salt at every try (RFC 5802 section 9).
 */
import { createHmac } from "node:crypto";
import { addressKey, parseAddress, type Address, type Domain } from "../address/address.ts";
import type { Clock } from "../port/clock.ts";
import type { ObjectStore } from "../port/object-store.ts";
import type { Random } from "../port/random.ts";
import type { Authenticator, LoginAnswer, ScramCredentials } from "../sasl/authenticator.ts";
import { verifyPassword } from "../sasl/password.ts";
import { SECRET_KEY } from "./keys.ts";
import { CREDENTIAL_ITERATIONS, LOGIN_NAME_CHARS_MAX, PASSWORD_CHECKS_MAX, SALT_BYTES, VERIFIED_AGE_MS_MAX, VERIFIED_ENTRIES_MAX } from "./limits.ts";
import { AgingMap, type Lookup } from "./lookup.ts";
import { localKey } from "./recipients.ts";
import { createRecord, readRecord, type Unavailable } from "./records.ts";
import { secretForm, type AccountObject } from "./stored.ts";

/** Compares a password with what is kept of it, on another thread. */
export type VerifyPassword = (credentials: ScramCredentials, password: string) => Promise<boolean>;

type Known =
  | { readonly kind: "account"; readonly accountId: string; readonly account: AccountObject; readonly revision: string }
  /** `name` is the same for every spelling of one address. */
  | { readonly kind: "unknown"; readonly name: string }
  | Unavailable;

export class Logins implements Authenticator {
  readonly #store: ObjectStore;
  readonly #lookup: Lookup;
  readonly #random: Random;
  readonly #verify: VerifyPassword;
  readonly #iterations: number;
  readonly #defaultDomain: Domain | null;
  readonly #processKey: Buffer;
  readonly #verified: AgingMap<true>;
  readonly #checks = new Map<string, Promise<boolean>>();
  #secret: Buffer | null = null;

  constructor(options: {
    readonly store: ObjectStore; readonly lookup: Lookup; readonly clock: Clock; readonly random: Random;
    readonly defaultDomain: Domain | null;
    /** For tests, which count the checks. */
    readonly verify?: VerifyPassword;
    readonly iterations?: number;
  }) {
    this.#store = options.store;
    this.#lookup = options.lookup;
    this.#random = options.random;
    this.#verify = options.verify ?? verifyPassword;
    this.#iterations = options.iterations ?? CREDENTIAL_ITERATIONS;
    this.#defaultDomain = options.defaultDomain;
    this.#processKey = options.random.bytes(32);
    this.#verified = new AgingMap(options.clock, { entriesMax: VERIFIED_ENTRIES_MAX, ageMsMax: VERIFIED_AGE_MS_MAX });
  }

  async verifyPassword(name: string, password: string): Promise<LoginAnswer> {
    const known = await this.#known(name);
    if (known.kind === "unavailable") return { kind: "unavailable" };
    const subject = known.kind === "account" ? `${known.accountId}\0${known.revision}` : `\0${known.name}`;
    const seal = createHmac("sha256", this.#processKey).update(`${subject}\0${password}`).digest("base64");
    if (known.kind === "account" && this.#verified.get(seal) === true) return answerFor(known);
    const credentials = known.kind === "account" ? known.account.credentials : await this.#madeUp(known.name);
    if (credentials === null) return { kind: "unavailable" };
    const right = await this.#check(seal, credentials, password);
    if (right === "busy") return { kind: "unavailable" };
    if (!right || known.kind !== "account") return { kind: "refused" };
    this.#verified.set(seal, true);
    return answerFor(known);
  }

  async scramCredentials(name: string): Promise<{ readonly kind: "credentials"; readonly credentials: ScramCredentials } | { readonly kind: "unavailable" }> {
    const known = await this.#known(name);
    if (known.kind === "unavailable") return { kind: "unavailable" };
    const credentials = known.kind === "account" ? known.account.credentials : await this.#madeUp(known.name);
    return credentials === null ? { kind: "unavailable" } : { kind: "credentials", credentials };
  }

  async loginOf(name: string): Promise<LoginAnswer> {
    const known = await this.#known(name);
    if (known.kind === "unavailable") return { kind: "unavailable" };
    return known.kind === "account" ? answerFor(known) : { kind: "refused" };
  }

  /** Many connections that log in with the same password at once share one check. */
  async #check(seal: string, credentials: ScramCredentials, password: string): Promise<boolean | "busy"> {
    const underWay = this.#checks.get(seal);
    if (underWay !== undefined) return underWay;
    if (this.#checks.size >= PASSWORD_CHECKS_MAX) return "busy";
    const check = this.#verify(credentials, password);
    this.#checks.set(seal, check);
    try {
      return await check;
    } finally {
      this.#checks.delete(seal);
    }
  }

  async #known(name: string): Promise<Known> {
    const address = name.length > LOGIN_NAME_CHARS_MAX ? null : this.#addressOf(name);
    if (address === null) return { kind: "unknown", name: name.toLowerCase() };
    const unknown = { kind: "unknown" as const, name: addressKey(address) };
    const object = await this.#lookup.address(localKey(address), address.domain);
    if (object.kind === "unavailable") return object;
    if (object.kind === "absent" || object.value.kind !== "account") return unknown;
    const { accountId } = object.value;
    const account = await this.#lookup.account(accountId);
    if (account.kind === "unavailable") return account;
    return account.kind === "absent" ? unknown : { kind: "account", accountId, account: account.value, revision: account.revision };
  }

  #addressOf(name: string): Address | null {
    if (name.includes("@")) return parseAddress(name);
    return this.#defaultDomain === null ? null : parseAddress(`${name}@${this.#defaultDomain}`);
  }

  /** Credentials that no password matches, the same for a name as long as the store lives. */
  async #madeUp(name: string): Promise<ScramCredentials | null> {
    const secret = await this.#serverSecret();
    if (secret === null) return null;
    const derive = (what: string): Buffer => createHmac("sha256", secret).update(`${what}\0${name}`).digest();
    return { salt: derive("salt").subarray(0, SALT_BYTES), iterations: this.#iterations, storedKey: derive("stored key"), serverKey: derive("server key") };
  }

  async #serverSecret(): Promise<Buffer | null> {
    if (this.#secret !== null) return this.#secret;
    let kept = await readRecord(this.#store, secretForm, SECRET_KEY);
    if (kept.kind === "absent") {
      const made = await createRecord(this.#store, this.#random, secretForm, SECRET_KEY, { secret: this.#random.bytes(32) });
      if (made.kind === "unavailable") return null;
      kept = await readRecord(this.#store, secretForm, SECRET_KEY);
    }
    if (kept.kind === "found") this.#secret = kept.value.secret;
    return this.#secret;
  }
}

function answerFor(known: { readonly accountId: string; readonly account: AccountObject }): LoginAnswer {
  if (known.account.disabled) return { kind: "refused" };
  return { kind: "accepted", login: { accountId: known.accountId, name: known.account.address } };
}
