/**
 * What must be in the mailboxes after any number of kills, and what may be.
 *
 * A message that was acknowledged is there. It is there at most once for each try that was acknowledged or whose reply was lost.
 * A UID belongs to one message for ever, later messages have greater ones, UIDVALIDITY never changes, UIDNEXT is greater than every UID.
 * Acknowledged flags are there; when the reply was lost, either the old or the new ones.
 */
import assert from "node:assert/strict";
import { Seeded, seedOf } from "./seeded.ts";
import { message } from "./smtp-client.ts";

export const FLAGS = ["\\Answered", "\\Flagged", "\\Seen", "$Work"] as const;

interface Copy {
  readonly account: string;
  readonly id: string;
  /** Tries that were acknowledged or may have had an effect. */
  tries: number;
  acknowledged: number;
}
interface KnownMessage {
  readonly id: string;
  flags: string;
  /** Other flags it may have, since a reply was lost. */
  maybe: string | null;
}
/** One message as the server shows it. */
export interface Seen {
  readonly uid: number;
  readonly id: string | null;
  /** Sorted and joined. */
  readonly flags: string;
}

export class CrashModel {
  #copies = new Map<string, Copy>();
  #known = new Map<string, Map<number, KnownMessage>>();
  #greatest = new Map<string, number>();
  #uidValidity = new Map<string, number>();
  #next = 0;
  /** Messages whose reply was lost; like a real peer, whoever sent them tries again. */
  readonly retries: { readonly id: string; readonly accounts: readonly string[] }[] = [];

  newId(): string {
    return `id${this.#next++}`;
  }
  #copy(account: string, id: string): Copy {
    const key = `${account} ${id}`;
    const copy = this.#copies.get(key) ?? { account, id, tries: 0, acknowledged: 0 };
    this.#copies.set(key, copy);
    return copy;
  }
  /** Before a try can have an effect. */
  trying(account: string, id: string): void {
    this.#copy(account, id).tries++;
  }
  refused(account: string, id: string): void {
    this.#copy(account, id).tries--;
  }
  acknowledged(account: string, id: string, appended?: { readonly uid: number; readonly flags: string }): void {
    this.#copy(account, id).acknowledged++;
    if (appended === undefined) return;
    const known = this.#ofAccount(account);
    const before = known.get(appended.uid);
    assert.ok(before === undefined || before.id === id, `${account}: UID ${appended.uid} was given to ${before?.id} and to ${id}`);
    if (before !== undefined) return;
    assert.ok(appended.uid > (this.#greatest.get(account) ?? 0), `${account}: APPENDUID ${appended.uid} is below the UIDNEXT that was announced`);
    known.set(appended.uid, { id, flags: appended.flags, maybe: null });
  }
  #ofAccount(account: string): Map<number, KnownMessage> {
    const known = this.#known.get(account) ?? new Map<number, KnownMessage>();
    this.#known.set(account, known);
    return known;
  }
  uids(account: string): number[] {
    return [...this.#ofAccount(account).keys()];
  }
  flags(account: string, uid: number): string {
    return this.#ofAccount(account).get(uid)?.flags ?? "";
  }
  storing(account: string, uid: number, flags: string): void {
    const known = this.#ofAccount(account).get(uid);
    if (known !== undefined) known.maybe = flags;
  }
  stored(account: string, uid: number): void {
    const known = this.#ofAccount(account).get(uid);
    if (known === undefined || known.maybe === null) return;
    known.flags = known.maybe;
    known.maybe = null;
  }

  /** Compares one mailbox with what is known, and learns what the lost replies did. */
  check(account: string, mailbox: { readonly uidValidity: number; readonly uidNext: number; readonly messages: readonly Seen[] }): void {
    const validity = this.#uidValidity.get(account) ?? mailbox.uidValidity;
    assert.equal(mailbox.uidValidity, validity, `${account}: UIDVALIDITY changed`);
    this.#uidValidity.set(account, validity);
    const greatestBefore = this.#greatest.get(account) ?? 0;
    const known = this.#ofAccount(account);
    const present = new Set<number>();
    let last = 0;
    for (const seen of mailbox.messages) {
      assert.ok(seen.uid > last, `${account}: UID ${seen.uid} after ${last}`);
      last = seen.uid;
      present.add(seen.uid);
      this.#checkMessage(account, seen, known, greatestBefore);
    }
    for (const [uid, { id }] of known) assert.ok(present.has(uid), `${account}: ${id} with UID ${uid} is gone`);
    assert.ok(mailbox.uidNext > last, `${account}: UIDNEXT ${mailbox.uidNext} is not greater than ${last}`);
    assert.ok(mailbox.uidNext > greatestBefore, `${account}: UIDNEXT went back`);
    this.#greatest.set(account, mailbox.uidNext - 1);
    this.#checkCounts(account, known);
  }
  #checkMessage(account: string, seen: Seen, known: Map<number, KnownMessage>, greatestBefore: number): void {
    const before = known.get(seen.uid);
    if (before === undefined) {
      assert.ok(seen.uid > greatestBefore, `${account}: UID ${seen.uid} is new and not greater than ${greatestBefore}, which was announced before`);
      if (seen.id === null) throw new Error(`${account}: UID ${seen.uid} has no X-Id`);
      known.set(seen.uid, { id: seen.id, flags: seen.flags, maybe: null });
      return;
    }
    if (seen.id !== null) assert.equal(seen.id, before.id, `${account}: UID ${seen.uid} is another message now`);
    assert.ok(seen.flags === before.flags || seen.flags === before.maybe, `${account}: UID ${seen.uid} has flags (${seen.flags}), acknowledged (${before.flags})${before.maybe === null ? "" : ` or (${before.maybe})`}`);
    before.flags = seen.flags;
    before.maybe = null;
  }
  #checkCounts(account: string, known: ReadonlyMap<number, KnownMessage>): void {
    const counts = new Map<string, number>();
    for (const { id } of known.values()) counts.set(id, (counts.get(id) ?? 0) + 1);
    for (const copy of this.#copies.values()) {
      if (copy.account !== account) continue;
      const count = counts.get(copy.id) ?? 0;
      assert.ok(count >= (copy.acknowledged > 0 ? 1 : 0), `${account}: ${copy.id} was acknowledged and is not there`);
      assert.ok(count <= copy.tries, `${account}: ${copy.id} is there ${count} times after ${copy.tries} tries`);
      counts.delete(copy.id);
    }
    assert.deepEqual([...counts.keys()], [], `${account}: messages nobody sent`);
  }
  get total(): { readonly acknowledged: number; readonly lostReplies: number } {
    let acknowledged = 0;
    let lostReplies = 0;
    for (const copy of this.#copies.values()) {
      acknowledged += copy.acknowledged;
      lostReplies += copy.tries - copy.acknowledged;
    }
    return { acknowledged, lostReplies };
  }
}

/** The content of a message, from its id alone: mostly small, some large enough to be kept apart from the small ones. */
export function contentOf(id: string): string {
  const random = new Seeded(seedOf(id));
  const kind = random.below(100);
  const lines = kind < 80 ? 10 + random.below(50) : kind < 95 ? 500 + random.below(500) : 4000;
  const body = Array.from({ length: lines }, (_, i) => `${id} ${i} ${random.below(1e9).toString(36)} ${random.below(1e9).toString(36)} some ordinary words of a letter`);
  return `X-Id: ${id}\r\n${message({ subject: id, id: `${id}@peer.test` }, ...body)}`;
}
