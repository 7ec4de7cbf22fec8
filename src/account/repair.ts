/**
 * Mending what can be mended without guessing, while servers go on: a damaged snapshot is made anew from what it was made
 * from, envelopes from the messages, counters from what is there; a lost message is replaced by a letter that says so. An
 * entry that is lost is skipped only where an operator names it, and what could not be read of it is kept under `lost/`.
 */
import { Journal } from "../journal/journal.ts";
import { headKey, objectKey } from "../journal/keys.ts";
import type { Cipher } from "../journal/cipher.ts";
import type { JournalWorld } from "../journal/journal.ts";
import type { StoreFailure } from "../port/object-store.ts";
import { Account, type AccountJournal, newBodyCache } from "./account.ts";
import { prefixOf } from "./accounts.ts";
import { type AccountFailure, failureOf } from "./failure.ts";
import { confirmedInspection, readContent, type Inspection, type Problem } from "./inspection.ts";
import { replaceLostMessage } from "./lost-body.ts";
import { accountMachine } from "./machine.ts";
import type { Chunk, Mailbox } from "./mailbox.ts";
import { type MendAnswer, writeMended, writeMendedEntry } from "./mended-snapshot.ts";
import { rebuildState, recount, replayWithout } from "./rebuild.ts";
import type { AccountState } from "./state.ts";
import { summaryOf } from "./summary.ts";

export interface RepairOptions {
  /** Says what would be done, and does nothing. */
  readonly dryRun: boolean;
  /** Entries to go on without. */
  readonly skipEntries: ReadonlySet<number>;
  /** The From of letters about lost messages: an address. */
  readonly author: string;
  /** As the servers have it: an account that is opened may be maintained. */
  readonly keepExpungedMs: number;
}
export interface RepairWorld extends JournalWorld {
  readonly cipher: Cipher;
}
/** Something that was mended (or would be). */
export interface Repair {
  readonly key: string;
  readonly kind: Problem["kind"];
  readonly what: string;
}
export type RepairAnswer =
  | { readonly kind: "looked"; readonly repairs: readonly Repair[]; /** What is still wrong, and why. */ readonly left: readonly Problem[] }
  /** What was mended before stays mended. */
  | { readonly kind: "failed"; readonly failure: StoreFailure | AccountFailure; readonly repairs: readonly Repair[] };

/** Somebody else wrote a snapshot meanwhile: it is looked at again. */
const LOOKS_MAX = 4;

export async function repairAccount(id: string, world: RepairWorld, options: RepairOptions): Promise<RepairAnswer> {
  const repairs: Repair[] = [];
  const journal: AccountJournal = new Journal(prefixOf(id), world, world.cipher, accountMachine);
  for (let looks = 0; ; looks++) {
    // Before the look: whatever moves the pointer after it is seen when ours is written.
    const pointer = await world.store.get(headKey(journal.prefix));
    if (pointer.kind === "failure") return { kind: "failed", failure: pointer, repairs };
    const seen = await confirmedInspection(journal, { bodies: true });
    if ("kind" in seen) return { kind: "failed", failure: seen, repairs };
    if (seen.problems.length === 0) return { kind: "looked", repairs, left: [] };
    const mending = new Mending(journal, options, seen, pointer.kind === "found" ? pointer.etag : null);
    const structure = await mending.structure();
    if (structure.kind === "failure") return { kind: "failed", failure: structure, repairs };
    if (structure.kind === "behind" && looks < LOOKS_MAX) continue;
    repairs.push(...mending.repairs);
    // An object that nobody knows hinders nothing.
    if (options.dryRun || mending.left.some((problem) => problem.kind !== "unknown-key")) return { kind: "looked", repairs, left: mending.left };
    const bodies = await replaceBodies(id, journal, options, repairs);
    return bodies === null ? { kind: "looked", repairs, left: await stillWrong(journal) } : { kind: "failed", failure: bodies, repairs };
  }
}
async function stillWrong(journal: AccountJournal): Promise<readonly Problem[]> {
  const seen = await confirmedInspection(journal, { bodies: true });
  return "kind" in seen ? [] : seen.problems;
}

const STRUCTURE = new Set<Problem["kind"]>(["head", "root", "chunk", "expunged", "counters", "summary"]);
/** Nothing of the account, or of a mailbox, can be read without these. */
const ESSENTIAL = new Set<Problem["kind"]>(["head", "root", "chunk"]);

/** One try at mending the account's structure: what is needed to know which messages there are. */
class Mending {
  readonly repairs: Repair[] = [];
  readonly left: Problem[] = [];
  readonly #journal: AccountJournal;
  readonly #options: RepairOptions;
  readonly #seen: Inspection;
  readonly #headEtag: string | null;

  constructor(journal: AccountJournal, options: RepairOptions, seen: Inspection, headEtag: string | null) {
    this.#journal = journal;
    this.#options = options;
    this.#seen = seen;
    this.#headEtag = headEtag;
  }

  async structure(): Promise<MendAnswer> {
    const { problems } = this.#seen;
    const entries = problems.filter((problem) => problem.kind === "entry");
    const structure = problems.filter((problem) => STRUCTURE.has(problem.kind));
    this.left.push(...problems.filter((problem) => problem.kind === "unknown-key"));
    if (entries.length > 0) return this.#skip(entries, structure);
    const dry = this.#options.dryRun;
    if (dry) for (const problem of problems) if (problem.kind === "body" || problem.kind === "expunged-body") this.#did(problem, "would be replaced by a letter that says what was lost");
    if (structure.length === 0) return { kind: "mended" };
    const essential = structure.filter((problem) => ESSENTIAL.has(problem.kind));
    const lists = structure.filter((problem) => problem.kind === "expunged");
    let { state } = this.#seen;
    if (essential.length > 0 || lists.length > 0) {
      const rebuilt = await rebuildState(this.#journal, this.#seen.lastSeq);
      if (rebuilt.kind === "failure") return rebuilt;
      if (rebuilt.kind === "impossible" && essential.length > 0) {
        this.left.push(...structure.map((problem) => ({ ...problem, what: `${problem.what}. It can't be made anew: ${rebuilt.why}` })));
        return { kind: "mended" };
      }
      if (rebuilt.kind === "state") state = rebuilt.state;
      for (const problem of essential) if (rebuilt.kind === "state") this.#did(problem, `the snapshot was made anew from ${rebuilt.from}`);
      for (const problem of lists) this.#did(problem, rebuilt.kind === "state" ? `the list was made anew from ${rebuilt.from}` : "the list of expunged messages is empty now");
      if (rebuilt.kind === "impossible") state.expunged.load([]);
      if (rebuilt.kind === "impossible") state.expunged.part = null;
    }
    const summaries = await this.#remakeSummaries(state, structure);
    if ("kind" in summaries) return summaries;
    for (const problem of structure) if (problem.kind === "counters") this.#did(problem, "the counters were counted anew");
    recount(state);
    if (dry) return { kind: "mended" };
    const kept = problems.some((problem) => problem.kind === "head") ? await this.#keep(headKey(this.#journal.prefix), "head") : null;
    return kept ?? writeMended(this.#journal, state, { head: this.#seen.head, etag: this.#headEtag }, summaries);
  }
  #did(problem: Problem, what: string): void {
    this.repairs.push({ key: problem.key, kind: problem.kind, what });
  }

  /** Envelopes are made from the messages; of those that can't be read there are none. */
  async #remakeSummaries(state: AccountState, structure: readonly Problem[]): Promise<ReadonlySet<Chunk> | StoreFailure> {
    const broken = new Set<Chunk>();
    for (const problem of structure) {
      if (problem.kind !== "summary") continue;
      this.#did(problem, "the envelopes were made anew from the messages");
      const mailbox = state.mailboxes.get(problem.mailbox);
      const chunk = mailbox?.summaryChunks.find((one) => one.name === problem.chunk.name);
      // A state that was made anew has its summaries with it, or none.
      if (mailbox === undefined || chunk === undefined || mailbox.columns === null || this.#options.dryRun) continue;
      broken.add(chunk);
      const failure = await summarize(this.#journal, state, mailbox, chunk);
      if (failure !== null) return failure;
    }
    return broken;
  }

  async #skip(entries: readonly Extract<Problem, { kind: "entry" }>[], structure: readonly Problem[]): Promise<MendAnswer> {
    const { skipEntries, dryRun } = this.#options;
    const unnamed = entries.filter((problem) => !skipEntries.has(problem.seq) && !problem.mark);
    if (unnamed.length > 0 || structure.some((problem) => ESSENTIAL.has(problem.kind) || problem.kind === "expunged")) {
      const why = unnamed.length > 0 ? `. Only an operator can decide to go on without: --skip-entry ${unnamed.map((problem) => problem.seq).join(",")}` : ". The snapshot is damaged, too: this needs a backup";
      this.left.push(...entries.map((problem) => ({ ...problem, what: `${problem.what}${why}` })), ...structure);
      return { kind: "mended" };
    }
    const { state, lastSeq } = this.#seen;
    const replayed = await replayWithout(this.#journal, state, lastSeq, (seq) => entries.some((problem) => seq >= problem.seq && seq <= problem.lastSeq));
    if ("kind" in replayed) return replayed.kind === "broken" ? { kind: "behind" } : replayed;
    for (const problem of entries) this.#did(problem, `the account goes on without this entry; ${replayed.dropped} later changes meant nothing without it`);
    if (dryRun) return { kind: "mended" };
    for (const problem of entries) {
      const failure = await this.#keep(problem.key, `j-${problem.seq}`);
      if (failure !== null) return failure;
    }
    const marked = await writeMendedEntry(this.#journal, lastSeq + 1);
    if (marked.kind !== "mended") return marked;
    state.seq = lastSeq + 1;
    return writeMended(this.#journal, state, { head: this.#seen.head, etag: this.#headEtag }, new Set());
  }
  /** Octets that could not be read are kept: somebody may know more of them than we do. */
  async #keep(key: string, name: string): Promise<StoreFailure | null> {
    const { store, clock } = this.#journal.world;
    const found = await store.get(key);
    if (found.kind === "failure") return found;
    if (found.kind !== "found") return null;
    const put = await store.put(objectKey(this.#journal.prefix, `lost/${clock.now().toString(36).padStart(9, "0")}-${name}`), found.bytes, {});
    return put.kind === "failure" ? put : null;
  }
}

async function summarize(journal: AccountJournal, state: AccountState, mailbox: Mailbox, chunk: Chunk): Promise<StoreFailure | null> {
  const columns = mailbox.columns!;
  for (let row = columns.lowerBound(chunk.firstUid); row < columns.count && columns.uid[row]! <= chunk.lastUid; row++) {
    if (columns.summaryLength[row] !== 0) continue;
    const content = await readContent(journal, state, columns.bodyAt(row));
    if (content !== null && !Buffer.isBuffer(content)) return content;
    if (content !== null) mailbox.summaries.put(columns, row, summaryOf(content));
  }
  return null;
}

/** Lost bodies, through the journal as any other change, now that it can be opened. */
async function replaceBodies(id: string, reading: AccountJournal, options: RepairOptions, repairs: Repair[]): Promise<StoreFailure | AccountFailure | null> {
  const seen = await confirmedInspection(reading, { bodies: true });
  if ("kind" in seen) return seen;
  if (seen.problems.length === 0) return null;
  const opened = await Journal.open(reading.prefix, reading.world, reading.cipher, accountMachine);
  if (opened.kind === "failed") return failureOf(opened.failure);
  const account = new Account(id, opened.journal, { quotaBytes: Number.POSITIVE_INFINITY, bodies: newBodyCache(0), keepExpungedMs: options.keepExpungedMs });
  const forgotten: Problem[] = [];
  for (const problem of seen.problems) {
    if (problem.kind === "expunged-body") forgotten.push(problem);
    if (problem.kind !== "body") continue;
    const answer = await replaceLostMessage(account, problem, options.author);
    if (answer.kind !== "done") return answer;
    if (answer.value !== null) repairs.push({ key: problem.key, kind: problem.kind, what: `${problem.what}; the letter ${answer.value.uid} in "Damaged" says so` });
  }
  return forgotten.length === 0 ? null : forgetLost(account, forgotten, repairs);
}
async function forgetLost(account: Account, lost: readonly Problem[], repairs: Repair[]): Promise<AccountFailure | null> {
  const messages = lost.flatMap((problem) => (problem.kind === "expunged-body" ? [problem.mailbox, problem.uid] : []));
  const committed = await account.commit<null>((_, draft) => {
    if (draft.structural) return { kind: "later" };
    draft.ops.push({ kind: "forget", before: 0, messages });
    return { kind: "write", result: { kind: "done", value: null } };
  });
  if (committed.kind !== "done") return committed;
  for (const problem of lost) repairs.push({ key: problem.key, kind: problem.kind, what: `${problem.what}; it can't be brought back any more` });
  return null;
}
