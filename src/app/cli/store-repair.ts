/** tayori store repair: mends accounts, one after the other, while servers run. Every repair is a line of the log. */
import { repairAccount, type Repair } from "../../account/repair.ts";
import { prefixOf } from "../../account/accounts.ts";
import type { Problem } from "../../account/inspection.ts";
import type { StoreFailure } from "../../port/object-store.ts";
import type { AccountFailure } from "../../account/failure.ts";
import type { OpenDirectory } from "../wire.ts";
import { writeAccountFailure } from "../wire.ts";
import { done, failed, misused, type CliIo, type CommandResult } from "./io.ts";
import { Progress } from "./pace.ts";
import { accountIdOf, accountsInStore } from "./store-check.ts";

export interface RepairCommandOptions {
  readonly account?: string;
  readonly all?: boolean;
  readonly dryRun?: boolean;
  /** Sequence numbers, with commas between them. */
  readonly skipEntry?: string;
}
interface Outcome {
  readonly repairs: (Repair & { readonly account: string })[];
  readonly left: (Pick<Problem, "key" | "what"> & { readonly account: string })[];
  accounts: number;
}

export async function repairStore(open: OpenDirectory, io: CliIo, options: RepairCommandOptions): Promise<CommandResult> {
  const skipEntries = parseSequence(options.skipEntry);
  if (skipEntries === null) return misused(`"${options.skipEntry}" is no list of entries like 17,23.`);
  if ((options.account === undefined) === (options.all !== true)) return misused("Give --account ADDRESS, or --all.");
  if (skipEntries.size > 0 && options.account === undefined) return misused("--skip-entry goes with --account: every account has entries of its own.");
  const outcome: Outcome = { repairs: [], left: [], accounts: 0 };
  if (options.account !== undefined) {
    const id = await accountIdOf(open, options.account);
    if (typeof id !== "string") return id;
    const trouble = await repairOne(open, id, { skipEntries, dryRun: options.dryRun === true }, outcome);
    return trouble ?? report(outcome, options.dryRun === true);
  }
  const progress = new Progress(open.clock, io);
  for await (const id of accountsInStore(open)) {
    if (typeof id !== "string") return failed("unavailable", id.detail);
    const trouble = await repairOne(open, id, { skipEntries, dryRun: options.dryRun === true }, outcome);
    if (trouble !== null) return trouble;
    progress.say(() => `looked at ${outcome.accounts} accounts; ${outcome.repairs.length} repairs so far; the last account is ${id}`);
  }
  return report(outcome, options.dryRun === true);
}

function parseSequence(text: string | undefined): ReadonlySet<number> | null {
  if (text === undefined) return new Set();
  return /^[1-9]\d{0,14}(,[1-9]\d{0,14})*$/.test(text) ? new Set(text.split(",").map(Number)) : null;
}

async function repairOne(open: OpenDirectory, id: string, { dryRun, skipEntries }: { readonly dryRun: boolean; readonly skipEntries: ReadonlySet<number> }, outcome: Outcome): Promise<CommandResult | null> {
  const key = await open.keyring.open(prefixOf(id));
  outcome.accounts += 1;
  if (key.kind !== "cipher") {
    outcome.left.push({ account: id, key: `${prefixOf(id)}key`, what: key.kind === "absent" ? "the account has no key: nothing of it can be read" : key.detail });
    return null;
  }
  const author = `postmaster@${open.settings.hostname}`;
  const { store, clock, random, log } = open;
  const answer = await repairAccount(id, { store, clock, random, log, cipher: key.cipher }, { dryRun, skipEntries, author, keepExpungedMs: open.settings.retention.expunged });
  for (const repair of answer.repairs) {
    outcome.repairs.push({ account: id, ...repair });
    // A warning, so that it is in the log whatever its level: something was damaged.
    if (!dryRun) log.warn("store-repaired", { account: id, key: repair.key, kind: repair.kind });
  }
  if (answer.kind === "failed") return failed("unavailable", [...outcome.repairs.map(writeRepair), `account ${id}: ${writeFailure(answer.failure)}`].join("\n"));
  outcome.left.push(...answer.left.map(({ key: object, what }) => ({ account: id, key: object, what })));
  return null;
}
function writeFailure(failure: StoreFailure | AccountFailure): string {
  return failure.kind === "failure" ? `${failure.because}: ${failure.detail}` : writeAccountFailure(failure);
}
function writeRepair({ key, what }: Repair): string {
  return `${key}: ${what}`;
}

function report({ repairs, left, accounts }: Outcome, dryRun: boolean): CommandResult {
  const lines = [
    ...repairs.map(writeRepair),
    ...left.map(({ key, what }) => `${key}: ${what}`),
    `Looked at ${accounts} accounts: ${repairs.length} repairs ${dryRun ? "would be made" : "made"}, ${left.length} faults left.`,
  ];
  return done(lines.join("\n"), { accounts, dryRun, repairs, left }, left.length > 0 || (dryRun && repairs.length > 0) ? 1 : 0);
}
