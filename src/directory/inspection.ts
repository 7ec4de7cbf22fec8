/** Looking at every object of the directory: whether it reads, and whether what it points at is there. */
import { parseAddress, writeAddress } from "../address/address.ts";
import type { Clock } from "../port/clock.ts";
import type { ObjectStore } from "../port/object-store.ts";
import { addressOfKey } from "./directory.ts";
import { localKey } from "./recipients.ts";
import { ACCOUNT_PREFIX, accountKey, ADDRESS_PREFIX, addressObjectKey, DKIM_KEYRING_PREFIX, DKIM_PREFIX, DOMAIN_PREFIX, parseKeyPart, SECRET_KEY } from "./keys.ts";
import { listKeys, type Unavailable } from "./records.ts";
import { signingKeyForm } from "./signing-key-record.ts";
import { accountForm, addressForm, domainForm, parseObject, secretForm, type Form, type ParsedObject } from "./stored.ts";

export interface DirectoryFault {
  readonly key: string;
  readonly what: string;
}
export interface DirectoryCounts {
  domains: number;
  addresses: number;
  accounts: number;
}
export interface InspectedAccount {
  readonly accountId: string;
  readonly address: string;
}

const PREFIX = "d/";
/** What looks dangling may be half made, or half removed: it is looked at again after this time. */
const AGAIN_AFTER_MS = 1_000;

type Judged = { readonly kind: "judged"; readonly faults: readonly string[]; readonly account?: InspectedAccount } | Unavailable;

/** `onAccount` is called for every account that can be read, in the order of their ids, and waited for. */
export async function inspectDirectory(world: { readonly store: ObjectStore; readonly clock: Clock }, onFault: (fault: DirectoryFault) => void, onAccount: (account: InspectedAccount) => Promise<void>): Promise<DirectoryCounts | Unavailable> {
  const counts: DirectoryCounts = { domains: 0, addresses: 0, accounts: 0 };
  for await (const key of listKeys(world.store, PREFIX)) {
    if (typeof key !== "string") return key;
    if (key.startsWith(DOMAIN_PREFIX)) counts.domains += 1;
    if (key.startsWith(ADDRESS_PREFIX)) counts.addresses += 1;
    if (key.startsWith(ACCOUNT_PREFIX)) counts.accounts += 1;
    let judged = await judge(world.store, key);
    if (judged.kind === "judged" && judged.faults.length > 0) {
      await world.clock.sleep(AGAIN_AFTER_MS);
      judged = await judge(world.store, key);
    }
    if (judged.kind === "unavailable") return judged;
    for (const what of judged.faults) onFault({ key, what });
    if (judged.account !== undefined) await onAccount(judged.account);
  }
  return counts;
}

async function judge(store: ObjectStore, key: string): Promise<Judged> {
  if (key.startsWith(ACCOUNT_PREFIX)) return judgeAs(store, key, accountForm, ({ address }) => judgeAccount(store, key, address));
  if (key.startsWith(ADDRESS_PREFIX)) return judgeAs(store, key, addressForm, (value) => judgeAddress(store, key, value.kind === "account" ? value.accountId : null));
  if (key.startsWith(DOMAIN_PREFIX)) return judgeAs(store, key, domainForm, async ({ closing }) => found(closing ? ["the domain's removal was begun and not finished"] : []));
  if (key.startsWith(DKIM_PREFIX)) return judgeAs(store, key, signingKeyForm, async () => found([]));
  if (key === SECRET_KEY) return judgeAs(store, key, secretForm, async () => found([]));
  return found(key.startsWith(DKIM_KEYRING_PREFIX) ? [] : ["is no object that this version knows"]);
}
function found(faults: readonly string[], account?: InspectedAccount): Judged {
  return { kind: "judged", faults, ...(account === undefined ? {} : { account }) };
}

/** An object that is gone by now has no faults. */
async function judgeAs<T>(store: ObjectStore, key: string, form: Form<T>, next: (value: T) => Promise<Judged>): Promise<Judged> {
  const read = await readAs(store, key, form);
  if (read.kind === "unavailable") return read;
  if (read.kind === "absent") return found([]);
  return read.kind === "corrupt" ? found([`can't be read: ${read.detail}`]) : next(read.value);
}
async function readAs<T>(store: ObjectStore, key: string, form: Form<T>): Promise<ParsedObject<T> | { readonly kind: "absent" } | Unavailable> {
  const answer = await store.get(key);
  if (answer.kind === "failure") return { kind: "unavailable", detail: `${key}: ${answer.because}: ${answer.detail}` };
  return answer.kind === "found" ? parseObject(form, answer.bytes) : { kind: "absent" };
}

async function judgeAccount(store: ObjectStore, key: string, text: string): Promise<Judged> {
  const accountId = parseKeyPart(key.slice(ACCOUNT_PREFIX.length)) ?? key;
  const address = parseAddress(text);
  const place = address === null ? null : addressObjectKey(localKey(address), address.domain);
  const pointer = place === null ? { kind: "absent" as const } : await readAs(store, place, addressForm);
  if (pointer.kind === "unavailable") return pointer;
  // One that can't be read is a fault of its own.
  const attached = pointer.kind === "corrupt" || (pointer.kind === "object" && pointer.value.kind === "account" && pointer.value.accountId === accountId);
  const written = address === null ? text : writeAddress(address);
  return attached ? found([], { accountId, address: written }) : found([`account ${accountId} (${written}) has no address: finish its deletion with "account delete ${written}"`], { accountId, address: written });
}

async function judgeAddress(store: ObjectStore, key: string, accountId: string | null): Promise<Judged> {
  const faults: string[] = [];
  if (accountId !== null) {
    const account = await store.get(accountKey(accountId));
    if (account.kind === "failure") return { kind: "unavailable", detail: `${accountKey(accountId)}: ${account.because}: ${account.detail}` };
    if (account.kind === "absent") faults.push(`address ${addressOfKey(key)} points at an account that is not there: its mail is refused`);
  }
  const domain = DOMAIN_PREFIX + key.slice(ADDRESS_PREFIX.length).split("/", 1)[0]!;
  const hosted = await store.get(domain);
  if (hosted.kind === "failure") return { kind: "unavailable", detail: `${domain}: ${hosted.because}: ${hosted.detail}` };
  if (hosted.kind === "absent") faults.push(`address ${addressOfKey(key)} is in a domain that is not hosted`);
  return found(faults);
}
