/**
 * Those who use the system: each does one thing on one node and holds what it was answered against the history at once.
 * What was answered must be in the history; what was refused must have been refusable; what nobody knows is remembered.
 */
import type { Account } from "../src/account/account.ts";
import { appendMessages } from "../src/account/append.ts";
import { copyMessages } from "../src/account/copy.ts";
import { expungeMessages } from "../src/account/expunge.ts";
import { changeFlags, type FlagChange } from "../src/account/flag-change.ts";
import { flagSetOf } from "../src/account/flags.ts";
import { createMailbox, deleteMailbox, renameMailbox, subscribe } from "../src/account/mailbox-names.ts";
import { maintainAccount } from "../src/account/maintenance.ts";
import type { AccountTruth } from "./account-truth.ts";
import { readAndCompare } from "./compare.ts";
import type { SimNode } from "./node.ts";
import { holds, Violation } from "./trace.ts";
import type { World } from "./world.ts";

export const NAMES = ["INBOX", "Archive", "Trash", "A", "B", "A/C", "B/C"];
const FLAGS = ["\\Seen", "\\Deleted", "\\Flagged", "\\Answered", "$Junk", "todo", "Todo", "work"];

/** How often a message was added with a yes, and how often nobody knows. */
export interface Adding {
  readonly content: Buffer;
  acknowledged: number;
  unknown: number;
}
/** What the actors know, beyond what the history says. */
export class Knowledge {
  readonly appends = new Map<string, Adding>();
  /** "account mailbox uid" of everything that somebody asked to be removed. */
  readonly removable = new Set<string>();
  /** Copies of messages, by the octets that all copies share in the history. */
  readonly copies = new Map<Buffer, { acknowledged: number; unknown: number }>();
  /** Accounts of which somebody tried to rename INBOX, which copies every message. */
  readonly renamedInbox = new Set<string>();
  #tokens = 0;

  token(): string {
    return `t${++this.#tokens}`;
  }
}

export interface Scene {
  readonly world: World;
  readonly known: Knowledge;
  readonly node: SimNode;
  readonly account: Account;
  readonly truth: AccountTruth;
}
/** Returns a line for the trace. */
export type Act = (scene: Scene) => Promise<string>;
type Answered = { readonly kind: string };

/** Outcomes after which nobody knows what happened. Anything else that is no yes did not happen. */
function isUnknown(answer: Answered | "died"): boolean {
  return answer === "died" || (answer.kind === "unavailable" && "outcome" in answer && answer.outcome === "unknown");
}
function kindOf(answer: Answered | "died"): string {
  if (answer === "died") return answer;
  if (answer.kind === "corrupt" || answer.kind === "closed") throw new Violation(`an actor is told ${JSON.stringify(answer)}`);
  return answer.kind;
}

export function newContent(world: World, token: string): Buffer {
  const size = world.oneOf([0, 30, 200, 400, 900, 2_500]);
  const words = Array.from({ length: Math.ceil(size / 8) }, () => world.chance.bytes(6).toString("base64")).join("\r\n");
  return Buffer.from(`X-Token: ${token}\r\nFrom: Someone <x${world.pick(9)}@ok.test>\r\nSubject: =?utf-8?q?n=C3=B8_${token}?=\r\nMessage-ID: <${token}@ok.test>\r\n\r\n${words}\r\n`, "latin1");
}

const append: Act = async ({ world, known, node, account, truth }) => {
  const name = world.oneOf(NAMES);
  const adding = Array.from({ length: 1 + world.pick(2) }, () => {
    const token = known.token();
    const add: Adding = { content: newContent(world, token), acknowledged: 0, unknown: 0 };
    known.appends.set(`${account.id} ${token}`, add);
    return add;
  });
  const messages = adding.map(({ content }) => ({ content, flags: flagSetOf(some(world, FLAGS, 2)), internalDate: world.pick(2) === 0 ? null : 1_600_000_000_000 + world.pick(1e9) }));
  const from = truth.seq;
  const answer = await node.run(() => appendMessages(account, (state) => state.byName.get(name) ?? null, messages));
  if (isUnknown(answer)) for (const add of adding) add.unknown += 1;
  if (answer !== "died" && answer.kind === "mailbox-missing") holds(everMissing(truth, name, from), () => `append: "${name}" was there all the time`);
  if (answer !== "died" && answer.kind === "done") {
    const id = truth.byValidity(answer.value.uidValidity);
    adding.forEach((add, i) => {
      add.acknowledged += 1;
      const trail = id === null ? undefined : truth.trail(id, answer.value.uids[i]!);
      holds(trail?.content.equals(add.content) === true, () => `append to ${account.id} ${name}: UID ${answer.value.uids[i]} was answered and is not in the history`);
    });
  }
  return `append ${name} ${kindOf(answer)}`;
};

/** A mailbox of which the node knows, with its columns. Refreshed now and then only, so that states are stale as in life. */
async function opened({ world, node, account }: Scene): Promise<{ id: number; uids: number[]; modseqs: number[] } | string> {
  if (world.pick(2) === 0) {
    const fresh = await node.run(() => account.refresh());
    if (fresh === "died" || fresh.kind !== "done") return kindOf(fresh);
  }
  const ids = [...account.state.mailboxes.keys()];
  const id = ids[world.pick(3) === 0 ? world.pick(ids.length) : 0]!;
  const loaded = await node.run(() => account.load(id));
  if (loaded === "died" || loaded.kind !== "done") return kindOf(loaded);
  const { columns } = loaded.value;
  return { id, uids: Array.from(columns.uid.subarray(0, columns.count)), modseqs: Array.from(columns.modseq.subarray(0, columns.count)) };
}
function some<T>(world: World, values: readonly T[], most: number): T[] {
  const count = world.pick(most + 1);
  const start = world.pick(Math.max(1, values.length));
  return values.slice(start, start + count);
}
function someUids(world: World, uids: readonly number[]): number[] {
  if (world.pick(4) === 0) return [...uids];
  return uids.filter(() => world.pick(3) === 0);
}

const store: Act = async (scene) => {
  const { world, node, account, truth } = scene;
  const open = await opened(scene);
  if (typeof open === "string") return `store ${open}`;
  const uids = someUids(world, open.uids);
  const unchangedSince = world.pick(3) === 0 && open.modseqs.length > 0 ? world.oneOf(open.modseqs) : null;
  const change: FlagChange = { mode: world.oneOf(["add", "remove", "replace"]), flags: flagSetOf(some(world, FLAGS, 3)), unchangedSince };
  const answer = await node.run(() => changeFlags(account, open.id, uids, change));
  if (answer === "died" || answer.kind !== "done") return `store ${open.id} ${kindOf(answer)}`;
  const { changed, modified, modseq } = answer.value;
  const wanted = new Set([...(change.flags.system === 0 ? [] : systemNames(change.flags.system)), ...change.flags.keywords].map((flag) => flag.toLowerCase()));
  for (const uid of changed) {
    const changes = truth.trail(open.id, uid)?.changes ?? [];
    const at = changes.findIndex((one) => one.modseq === modseq);
    holds(at >= 0, () => `store ${account.id} ${open.id} UID ${uid}: the change of modseq ${modseq} was answered and is not in the history`);
    const flags = new Set([...changes[at]!.flags].map((flag) => flag.toLowerCase()));
    const kept = [...wanted].every((flag) => flags.has(flag) === (change.mode !== "remove"));
    holds(kept && (change.mode !== "replace" || flags.size === wanted.size), () => `store ${account.id} ${open.id} UID ${uid}: ${change.mode} ${[...wanted].join()} gave ${[...flags].join()}`);
    holds(unchangedSince === null || (changes[at - 1]?.modseq ?? 0) <= unchangedSince, () => `store ${account.id} ${open.id} UID ${uid}: changed although it had changed since ${unchangedSince}`);
  }
  for (const uid of modified) {
    holds((truth.trail(open.id, uid)?.changes.at(-1)?.modseq ?? 0) > unchangedSince!, () => `store ${account.id} ${open.id} UID ${uid}: left alone although it had not changed since ${unchangedSince}`);
  }
  return `store ${open.id} ${changed.length} ${modified.length} ${modseq}`;
};
function systemNames(system: number): string[] {
  return ["\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"].filter((_, bit) => (system >> bit) % 2 === 1);
}

function copying(move: boolean): Act {
  return async (scene) => {
    const { world, known, node, account, truth } = scene;
    const open = await opened(scene);
    if (typeof open === "string") return `copy ${open}`;
    const uids = someUids(world, open.uids);
    const name = world.oneOf(NAMES);
    if (move) for (const uid of uids) known.removable.add(`${account.id} ${open.id} ${uid}`);
    const answer = await node.run(() => copyMessages(account, open.id, uids, (state) => state.byName.get(name) ?? null, { move }));
    const count = (uid: number, how: "acknowledged" | "unknown"): void => {
      const content = truth.trail(open.id, uid)?.content;
      if (content === undefined) return;
      const copies = known.copies.get(content) ?? { acknowledged: 0, unknown: 0 };
      copies[how] += 1;
      known.copies.set(content, copies);
    };
    if (isUnknown(answer)) for (const uid of uids) count(uid, "unknown");
    if (answer === "died" || answer.kind !== "done") return `copy ${kindOf(answer)}`;
    const to = truth.byValidity(answer.value.uidValidity);
    answer.value.sources.forEach((uid, i) => {
      count(uid, "acknowledged");
      const [source, copy] = [truth.trail(open.id, uid), truth.trail(to ?? 0, answer.value.uids[i]!)];
      holds(copy !== undefined && copy.by === "copy" && copy.content === source?.content, () => `copy ${account.id} ${open.id} UID ${uid}: answered and not in the history`);
      holds(!move || source?.goneAt !== null, () => `move ${account.id} ${open.id} UID ${uid}: answered and still there`);
    });
    return `copy ${move} ${answer.value.sources.length}`;
  };
}

const expunge: Act = async (scene) => {
  const { world, known, node, account, truth } = scene;
  const open = await opened(scene);
  if (typeof open === "string") return `expunge ${open}`;
  const uids = someUids(world, open.uids);
  const flagged = world.pick(2) === 0;
  for (const uid of uids) known.removable.add(`${account.id} ${open.id} ${uid}`);
  const answer = await node.run(() => expungeMessages(account, open.id, { uids, flagged }));
  if (answer === "died" || answer.kind !== "done") return `expunge ${kindOf(answer)}`;
  for (const uid of answer.value.uids) {
    const trail = truth.trail(open.id, uid);
    holds(trail !== undefined && trail.goneAt === answer.value.modseq, () => `expunge ${account.id} ${open.id} UID ${uid}: answered and not in the history`);
    holds(!flagged || trail.changes.at(-1)!.flags.has("\\Deleted"), () => `expunge ${account.id} ${open.id} UID ${uid}: it was not marked \\Deleted`);
  }
  return `expunge ${open.id} ${answer.value.uids.length}`;
};

/** Whether there was a moment since entry `from` at which the name belonged to nobody, or to somebody. */
function everMissing(truth: AccountTruth, name: string, from: number): boolean {
  return ever(truth, name, from, (id) => id === null);
}
function everThere(truth: AccountTruth, name: string, from: number): boolean {
  return ever(truth, name, from, (id) => id !== null);
}
function ever(truth: AccountTruth, name: string, from: number, is: (id: number | null) => boolean): boolean {
  const changes = truth.names.filter((change) => change.name === name);
  return is(changes.findLast((change) => change.seq <= from)?.id ?? null) || changes.some((change) => change.seq > from && is(change.id));
}

const create: Act = async ({ world, node, account, truth }) => {
  const name = world.oneOf(NAMES);
  const from = truth.seq;
  const answer = await node.run(() => createMailbox(account, name));
  if (answer !== "died" && answer.kind === "mailbox-exists") holds(everThere(truth, name, from), () => `create ${account.id}: "${name}" never was there`);
  if (answer !== "died" && answer.kind === "done") holds(truth.names.some((change) => change.seq > from && change.name === name && change.id === answer.value.id), () => `create ${account.id} "${name}": answered and not in the history`);
  return `create ${name} ${kindOf(answer)}`;
};

const rename: Act = async (scene) => {
  const { world, known, node, account, truth } = scene;
  const [from, to] = [world.oneOf(NAMES), world.oneOf(NAMES)];
  const since = truth.seq;
  if (from === "INBOX") {
    const loaded = await node.run(() => account.load(1));
    if (loaded === "died" || loaded.kind !== "done") return `rename ${kindOf(loaded)}`;
    // All that is in INBOX when it happens goes with it, whoever put it there.
    known.renamedInbox.add(account.id);
    for (let uid = 1; uid < 2_000; uid++) known.removable.add(`${account.id} 1 ${uid}`);
  }
  const answer = await node.run(() => renameMailbox(account, from, to));
  if (answer !== "died" && answer.kind === "done") holds(truth.names.some((change) => change.seq > since && (change.name === to || change.name.startsWith(`${to}/`)) && change.id !== null), () => `rename ${account.id} "${from}" to "${to}": answered and not in the history`);
  if (answer !== "died" && answer.kind === "mailbox-missing" && from !== "INBOX") holds(everMissing(truth, from, since), () => `rename ${account.id}: "${from}" was there all the time`);
  return `rename ${from} ${to} ${kindOf(answer)}`;
};

const remove: Act = async ({ world, node, account, truth }) => {
  const name = world.oneOf(NAMES);
  const from = truth.seq;
  const answer = await node.run(() => deleteMailbox(account, name));
  if (answer !== "died" && answer.kind === "mailbox-missing") holds(everMissing(truth, name, from), () => `delete ${account.id}: "${name}" was there all the time`);
  if (answer !== "died" && answer.kind === "done") holds(truth.names.some((change) => change.seq > from && change.name === name && change.id === null), () => `delete ${account.id} "${name}": answered and not in the history`);
  return `delete ${name} ${kindOf(answer)}`;
};

const subscribing: Act = async ({ world, node, account, truth }) => {
  const [name, subscribed] = [world.oneOf(NAMES), world.pick(2) === 0];
  const from = truth.seq;
  const answer = await node.run(() => subscribe(account, name, subscribed));
  if (answer !== "died" && answer.kind === "done") {
    const changes = truth.subscribed.filter((change) => change.name === name);
    const was = changes.findLast((change) => change.seq <= from)?.subscribed ?? false;
    holds(was === subscribed || changes.some((change) => change.seq > from && change.subscribed === subscribed), () => `subscribe ${account.id} "${name}" ${subscribed}: answered and never so`);
  }
  return `subscribe ${name} ${kindOf(answer)}`;
};

const read: Act = async ({ world, node, account, truth }) => `read ${String(await node.run(() => readAndCompare(node.name, account, truth, { all: false, pick: (below) => world.pick(below) })))}`;
export const snapshot: Act = async ({ node, account }) => `snapshot ${kindOf(await node.run(() => account.snapshot()))}`;
export const maintain: Act = async ({ node, account }) => {
  const fresh = await node.run(() => account.refresh());
  if (fresh === "died" || fresh.kind !== "done") return `maintain ${kindOf(fresh)}`;
  return `maintain ${kindOf(await node.run(() => maintainAccount(account)))}`;
};

/** Each as often as its number says. */
export const ACTS: readonly (readonly [weight: number, act: Act])[] = [
  [24, append], [16, store], [7, copying(false)], [5, copying(true)], [6, expunge], [4, create], [2, rename], [2, remove], [3, subscribing], [10, read], [5, snapshot], [3, maintain],
];
