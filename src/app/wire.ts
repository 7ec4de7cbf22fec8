/** The composition: plain constructor calls from the store upwards. Commands take from here what they need; `serve` takes everything. */
import { NodeClock } from "../adapter/node-clock.ts";
import { NodeRandom } from "../adapter/node-random.ts";
import type { S3World } from "../adapter/s3-client.ts";
import { readS3Credentials } from "../adapter/s3-credentials.ts";
import { openSqliteStore, type SqliteStore } from "../adapter/sqlite-store.ts";
import { newBodyCache } from "../account/account.ts";
import { Accounts } from "../account/accounts.ts";
import type { AccountFailure } from "../account/failure.ts";
import { Directory, type Unavailable } from "../directory/directory.ts";
import { Logins } from "../directory/logins.ts";
import { Lookup } from "../directory/lookup.ts";
import { Recipients } from "../directory/recipients.ts";
import { SigningKeys } from "../directory/signing-keys.ts";
import type { JournalWorld } from "../journal/journal.ts";
import { Keyring } from "../journal/keyring.ts";
import { noHints, type Hints } from "../port/hints.ts";
import type { Log } from "../port/log.ts";
import { noMetrics, type Metrics } from "../port/metrics.ts";
import { FencedStore } from "../port/fenced-store.ts";
import type { ObjectStore } from "../port/object-store.ts";
import { Queue } from "../queue/queue.ts";
import { openMasterKey } from "./master-key.ts";
import type { Settings, StorePlace } from "./settings.ts";

/** Message octets kept for whoever reads the same message again. */
const BODY_CACHE_BYTES = 128 * 1024 * 1024;
/** Accounts kept in memory after their last session, for the next one. */
const IDLE_ACCOUNT_BYTES = 256 * 1024 * 1024;

export interface OpenDirectory extends JournalWorld {
  readonly settings: Settings;
  readonly hints: Hints;
  readonly store: ObjectStore;
  /** The store where it is a file, for what only a file can be asked. */
  readonly sqlite: SqliteStore | null;
  readonly keyring: Keyring;
  readonly accounts: Accounts;
  readonly directory: Directory;
  readonly recipients: Recipients;
  readonly logins: Logins;
  readonly signingKeys: SigningKeys;
  close(): Promise<void>;
}
export type OpenAnswer = { readonly kind: "open"; readonly open: OpenDirectory } | Failed;
export type Failed = { readonly kind: "failed"; readonly detail: string };

/** What a process that serves has besides. */
export interface Serving {
  readonly metrics: Metrics;
  readonly hints: Hints;
  /** How many processes share the memory of this host. */
  readonly workers: number;
}

/** Opens the store (making it and its key where there is none) and what every command needs. */
export async function openDirectory(settings: Settings, log: Log, serving: Partial<Serving> = {}): Promise<OpenAnswer> {
  const { metrics = noMetrics, hints = noHints, workers = 1 } = serving;
  const clock = new NodeClock();
  const random = new NodeRandom();
  const opened = await openStore(settings.store, { clock, random, log, metrics });
  if (opened.kind === "failed") return opened;
  const { sqlite } = opened;
  const store = new FencedStore(opened.store, clock);
  const master = await openMasterKey(settings.store.masterKeyPath, store, random);
  if (master.kind === "failed") {
    await store.close();
    return master;
  }
  const world = { store, clock, random, log, hints };
  const keyring = new Keyring(store, master.key, random);
  const accounts = new Accounts(world, keyring, { idleBytesMax: IDLE_ACCOUNT_BYTES / workers, bodies: newBodyCache(BODY_CACHE_BYTES / workers), keepExpungedMs: settings.retention.expunged });
  const lookup = new Lookup(store, clock);
  const contents = { prepare: async (id: string) => contentsAnswer(await accounts.create(id)), erase: async (id: string) => contentsAnswer(await accounts.erase(id)) };
  const directory = new Directory({ store, lookup, clock, random, contents });
  const recipients = new Recipients({ store, lookup, postmaster: settings.postmaster ?? null });
  const logins = new Logins({ store, lookup, clock, random, defaultDomain: settings["default-domain"] ?? null });
  const signingKeys = new SigningKeys({ store, keyring, clock, random });
  return { kind: "open", open: { ...world, settings, store, sqlite, keyring, accounts, directory, recipients, logins, signingKeys, close: () => store.close() } };
}

/** A store as it is, without regard to a fence. */
export async function openStore(place: StorePlace, world: Omit<S3World, "credentials">): Promise<{ readonly kind: "open"; readonly store: ObjectStore; readonly sqlite: SqliteStore | null } | Failed> {
  try {
    if (place.kind === "s3") return { kind: "open", store: await openS3(place, world), sqlite: null };
    const sqlite = await openSqliteStore(place.path);
    return { kind: "open", store: sqlite, sqlite };
  } catch (error) {
    return { kind: "failed", detail: error instanceof Error ? error.message : String(error) };
  }
}

/** Loaded only where it is used: commands on a file should be quick. */
async function openS3({ url, credentialsPath }: Extract<StorePlace, { kind: "s3" }>, world: Omit<S3World, "credentials">): Promise<ObjectStore> {
  const { openS3Store } = await import("../adapter/s3-store.ts");
  return openS3Store(url, { ...world, credentials: () => readS3Credentials(credentialsPath, process.env) });
}

export async function openQueue({ store, clock, random, log, hints, keyring, settings }: OpenDirectory): Promise<{ readonly kind: "open"; readonly queue: Queue } | Failed> {
  const schedule = { lifetimeMs: settings.outbound["give-up"], delayReportAfterMs: settings.outbound["delay-notice"], retryDelaysMs: settings.outbound.retry };
  const opened = await Queue.open({ store, clock, random, log, hints, keyring, schedule });
  return opened.kind === "open" ? opened : { kind: "failed", detail: `the queue cannot be opened: ${opened.because}: ${opened.detail}` };
}

function contentsAnswer(outcome: { readonly kind: "done" } | AccountFailure): { readonly kind: "done" } | Unavailable {
  return outcome.kind === "done" ? { kind: "done" } : { kind: "unavailable", detail: writeAccountFailure(outcome) };
}

/** For the operator; protocols have tables of their own. */
export function writeAccountFailure(failure: AccountFailure): string {
  switch (failure.kind) {
    case "mailbox-name":
      return failure.why;
    case "limit":
      return `there are too many ${failure.of}`;
    case "unavailable":
      return failure.outcome === "none" ? "the store does not answer" : "the store did not answer: it may have been done";
    case "corrupt":
      return `the store holds what cannot be read: ${failure.detail}`;
    default:
      return SENTENCES[failure.kind];
  }
}
const SENTENCES = {
  "mailbox-missing": "there is no such mailbox",
  "mailbox-exists": "the mailbox exists already",
  "mailbox-fixed": "INBOX cannot be deleted",
  "over-quota": "the account is over its quota",
  closed: "the account has no key: it was erased, or was never finished",
  full: "the store is full",
} satisfies Partial<Record<AccountFailure["kind"], string>>;
