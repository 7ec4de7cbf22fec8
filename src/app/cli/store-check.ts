/** tayori store check and store scrub: reading what is there, while servers run, and saying what is damaged. */
import { DatabaseSync } from "node:sqlite";
import { parseAddress } from "../../address/address.ts";
import { prefixOf } from "../../account/accounts.ts";
import { confirmedInspection } from "../../account/inspection.ts";
import { accountMachine } from "../../account/machine.ts";
import { accountKey } from "../../directory/keys.ts";
import { inspectDirectory } from "../../directory/inspection.ts";
import { Journal } from "../../journal/journal.ts";
import { noLeftovers, type Leftovers } from "../../journal/survey.ts";
import { readShardCount } from "../../queue/queue.ts";
import { inspectShard, type ShardInspection } from "../../queue/inspection.ts";
import { shardPrefix } from "../../queue/shard.ts";
import type { StoreFailure } from "../../port/object-store.ts";
import type { OpenDirectory } from "../wire.ts";
import { done, failed, misused, type CliIo, type CommandResult } from "./io.ts";
import { Pace, parseRate, Progress } from "./pace.ts";

export interface CheckOptions {
  /** An address: only this account. */
  readonly account?: string;
}
export interface ScrubOptions extends CheckOptions {
  /** Megabytes a second. */
  readonly rate?: string;
  /** An account's id or address: those up to it were read already. */
  readonly after?: string;
}
interface Fault {
  readonly key: string;
  readonly what: string;
}

/** More are counted, not kept: a store that is gone altogether shall not take all memory. */
const FAULTS_MAX = 10_000;
const SCRUB_RATE = "20";
/** Ids have 16 characters; "0" is the character after the slash. */
const AFTER_SLASH = "0";

/** What was read and what was found, over all accounts and shards. */
class Survey {
  readonly #open: OpenDirectory;
  readonly #progress: Progress;
  readonly #pace: Pace;
  readonly counts = { accounts: 0, messages: 0, bytes: 0, queued: 0 };
  readonly leftovers: Leftovers = noLeftovers();
  readonly faults: Fault[] = [];
  omitted = 0;
  /** The account that was read last, for whoever goes on from there. */
  last: string | null = null;

  constructor(open: OpenDirectory, io: CliIo, bytesPerSecond: number) {
    this.#open = open;
    this.#progress = new Progress(open.clock, io);
    this.#pace = new Pace(open.clock, bytesPerSecond);
  }
  fault(fault: Fault): void {
    if (this.faults.length < FAULTS_MAX) this.faults.push(fault);
    else this.omitted += 1;
  }
  readonly #spend = async (bytes: number): Promise<void> => {
    this.counts.bytes += bytes;
    this.#progress.say(() => `read ${this.counts.accounts} accounts, ${this.counts.messages} messages, ${Math.round(this.counts.bytes / 1e6)} MB; ${this.faults.length + this.omitted} faults so far${this.last === null ? "" : `; the last whole account is ${this.last}`}`);
    await this.#pace.spend(bytes);
  };

  async account(id: string, address: string): Promise<void> {
    const prefix = prefixOf(id);
    const key = await this.#open.keyring.open(prefix);
    if (key.kind !== "cipher") {
      // An account that is deleted meanwhile loses its key first.
      const still = await this.#open.store.get(accountKey(id));
      if (still.kind === "absent") return;
      return this.fault({ key: `${prefix}key`, what: key.kind === "absent" ? `account ${address} has no key: its mail can't be read` : `account ${address}: ${key.detail}` });
    }
    const journal = new Journal(prefix, this.#open, key.cipher, accountMachine);
    const seen = await confirmedInspection(journal, { bodies: true, pace: this.#spend });
    if ("kind" in seen) return this.fault({ key: prefix, what: `account ${address} could not be read: ${seen.because}: ${seen.detail}` });
    for (const { key: object, what } of seen.problems) this.fault({ key: object, what: `${address}: ${what}` });
    this.omitted += seen.omitted;
    this.counts.accounts += 1;
    this.counts.messages += seen.messages;
    this.#add(seen.leftovers);
    this.last = id;
  }

  async queue(): Promise<void> {
    const count = await readShardCount(this.#open.store);
    if (count === null) return;
    if (typeof count !== "number") return this.fault({ key: "q/config", what: `the queue can't be opened: ${count.detail}` });
    for (let number = 0; number < count; number++) await this.#shard(number);
  }
  async #shard(number: number): Promise<void> {
    const prefix = shardPrefix(number);
    const key = await this.#open.keyring.open(prefix);
    if (key.kind !== "cipher") return this.fault({ key: `${prefix}key`, what: key.kind === "absent" ? "a part of the queue has no key: its mail can't be read" : key.detail });
    const look = (): Promise<ShardInspection | StoreFailure> => inspectShard(number, this.#open, key.cipher, this.#spend);
    const first = await look();
    const second = "faults" in first && first.faults.length > 0 ? await look() : first;
    if (!("faults" in second)) return this.fault({ key: prefix, what: `a part of the queue could not be read: ${second.because}: ${second.detail}` });
    const known = new Set("faults" in first ? first.faults.map(identity) : []);
    for (const fault of second.faults) if (known.has(identity(fault))) this.fault(fault);
    this.counts.queued += second.messages;
    this.#add(second.leftovers);
  }
  #add(leftovers: Leftovers | null): void {
    if (leftovers === null) return;
    for (const name of ["entries", "objectsUnderAnHour", "objectsUnderAWeek", "objectsOlder", "lost"] as const) this.leftovers[name] += leftovers[name];
  }
}
function identity({ key, what }: Fault): string {
  return `${key} ${what}`;
}

/** Reads everything: the file's structure, the directory and what it points at, every account, the queue. */
export async function checkStore(open: OpenDirectory, io: CliIo, options: CheckOptions): Promise<CommandResult> {
  const survey = new Survey(open, io, Number.POSITIVE_INFINITY);
  if (options.account !== undefined) {
    const refused = await surveyOne(open, survey, options.account);
    return refused ?? report(survey, null);
  }
  if (open.settings.store.kind === "sqlite") for (const what of fileFaults(open.settings.store.path)) survey.fault({ key: open.settings.store.path, what });
  const counts = await inspectDirectory(open, (fault) => survey.fault(fault), ({ accountId, address }) => survey.account(accountId, address));
  if ("detail" in counts) return failed("unavailable", counts.detail);
  for await (const id of accountsInStore(open)) {
    if (typeof id !== "string") return failed("unavailable", id.detail);
    await checkOwner(open, survey, id);
  }
  await checkCatchAlls(open, survey);
  await survey.queue();
  return report(survey, { domains: counts.domains, addresses: counts.addresses });
}

/** Reads every body, no faster than told: the seals are the checksums. */
export async function scrubStore(open: OpenDirectory, io: CliIo, options: ScrubOptions): Promise<CommandResult> {
  const rate = parseRate(options.rate ?? SCRUB_RATE);
  if (rate === null) return misused(`"${options.rate}" is no rate: give megabytes a second, as --rate 20.`);
  const after = options.after === undefined || !options.after.includes("@") ? (options.after ?? "") : await accountIdOf(open, options.after);
  if (typeof after !== "string") return after;
  const survey = new Survey(open, io, rate);
  if (options.account !== undefined) {
    const refused = await surveyOne(open, survey, options.account);
    return refused ?? report(survey, null);
  }
  for await (const id of accountsInStore(open, after)) {
    if (typeof id !== "string") return failed("unavailable", id.detail);
    await survey.account(id, id);
  }
  await survey.queue();
  return report(survey, null);
}

async function surveyOne(open: OpenDirectory, survey: Survey, text: string): Promise<CommandResult | null> {
  const id = await accountIdOf(open, text);
  if (typeof id !== "string") return id;
  await survey.account(id, text);
  return null;
}
export async function accountIdOf({ directory }: OpenDirectory, text: string): Promise<string | CommandResult> {
  const address = parseAddress(text);
  if (address === null) return misused(`"${text}" is no mail address.`);
  const found = await directory.account(address);
  if (found.kind === "unavailable") return failed("unavailable", found.detail);
  return found.kind === "absent" ? failed("absent", `There is no account ${text}.`) : found.account.accountId;
}

/** The ids under which accounts have objects, one listing for each. */
export async function* accountsInStore({ store }: OpenDirectory, after = ""): AsyncGenerator<string | StoreFailure> {
  for (let last = after === "" ? "" : `${prefixOf(after).slice(0, -1)}${AFTER_SLASH}`; ; ) {
    const page = await store.list("a/", { ...(last === "" ? {} : { after: last }), limit: 1 });
    if (page.kind === "failure") {
      yield page;
      return;
    }
    const id = page.keys[0]?.split("/")[1];
    if (id === undefined) return;
    yield id;
    last = `a/${id}${AFTER_SLASH}`;
  }
}

/** Objects of an account that the directory does not know. */
async function checkOwner({ store, clock }: OpenDirectory, survey: Survey, id: string): Promise<void> {
  for (let looks = 0; looks < 2; looks++) {
    const [owner, any] = [await store.get(accountKey(id)), await store.list(prefixOf(id), { limit: 1 })];
    if (owner.kind !== "absent" || any.kind === "failure" || any.keys.length === 0) return;
    // It may just be made, or just be erased.
    if (looks === 0) await clock.sleep(1_000);
  }
  survey.fault({ key: prefixOf(id), what: `objects of an account ${id} that the directory does not know: an account that was never finished, or whose directory object is lost` });
}

async function checkCatchAlls({ directory, recipients }: OpenDirectory, survey: Survey): Promise<void> {
  const domains = await directory.listDomains();
  if (domains.kind !== "list") return survey.fault({ key: "d/domain/", what: domains.detail });
  for (const { domain, catchAll } of domains.entries) {
    const address = catchAll === null ? null : parseAddress(catchAll);
    const found = address === null ? null : await recipients.resolve(address);
    if (catchAll !== null && (found === null || found.kind === "unknown-user")) survey.fault({ key: `d/domain/${domain}`, what: `domain ${domain}: its catch-all ${catchAll} does not exist` });
  }
}

function fileFaults(path: string): string[] {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const rows = db.prepare("PRAGMA integrity_check(20)").all().map((row) => String(row["integrity_check"]));
    return rows.length === 1 && rows[0] === "ok" ? [] : rows;
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  } finally {
    db.close();
  }
}

/** Faults are the answer, not a failure to answer: they go to standard output, and the exit code is 1. */
function report({ counts, leftovers, faults, omitted, last }: Survey, directory: { readonly domains: number; readonly addresses: number } | null): CommandResult {
  const objects = leftovers.objectsUnderAnHour + leftovers.objectsUnderAWeek + leftovers.objectsOlder;
  const lines = [
    `Read ${counts.accounts} accounts, ${counts.messages} messages in mailboxes (${counts.bytes} octets) and ${counts.queued} in the queue.`,
    `Waiting to be removed: ${leftovers.entries} entries; ${objects} objects, ${leftovers.objectsUnderAnHour} of them younger than an hour and ${leftovers.objectsOlder} older than a week.${leftovers.lost === 0 ? "" : ` Kept by repairs: ${leftovers.lost} objects.`}`,
    ...faults.map(({ key, what }) => `${key}: ${what}`),
    ...(omitted === 0 ? [] : [`and ${omitted} more`]),
    faults.length + omitted === 0 ? "Nothing is wrong." : `${faults.length + omitted} faults.`,
  ];
  return done(lines.join("\n"), { ...directory, ...counts, leftovers, lastAccount: last, problems: faults, omitted }, faults.length + omitted === 0 ? 0 : 1);
}
