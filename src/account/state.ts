/** The state of an account: what its journal says, applied in order. */
import { assert } from "../base/assert.ts";
import { Columns } from "./columns.ts";
import { ExpungedList } from "./expunged.ts";
import { Mailbox } from "./mailbox.ts";
import type { Op } from "./op.ts";

export const INBOX_ID = 1;
export const MAILBOXES_MAX = 10_000;
export const SUBSCRIPTIONS_MAX = 10_000;

export interface Pack {
  readonly name: string;
  readonly bytes: number;
}

export class AccountState {
  closed = false;
  mailboxNext = INBOX_ID;
  uidValidityNext = 1;
  packNext = 1;
  /** Where small bodies lie that were taken out of their entries, by number. */
  readonly packs = new Map<number, Pack>();
  readonly mailboxes = new Map<number, Mailbox>();
  readonly byName = new Map<string, Mailbox>();
  readonly subscriptions = new Set<string>();
  /** What was expunged lately. It counts for no quota. */
  readonly expunged = new ExpungedList();
  /** The last entry that was applied. */
  seq = 0;
  /** Sum of RFC822.SIZE over all mailboxes. */
  usedBytes = 0;
  messages = 0;

  mailbox(id: number): Mailbox {
    const mailbox = this.mailboxes.get(id);
    assert(mailbox !== undefined, `mailbox ${id} exists`);
    return mailbox;
  }
  add(mailbox: Mailbox): void {
    this.mailboxes.set(mailbox.id, mailbox);
    this.byName.set(mailbox.name, mailbox);
  }
}

/** The state is another one than the entries give: whoever applies them starts from the newest snapshot. */
export class StateReplaced extends Error {
  override name = "StateReplaced";
}

export function applyOp(state: AccountState, op: Op, seq: number): void {
  switch (op.kind) {
    case "mailbox-create":
      assert(op.mailbox === state.mailboxNext, "mailbox ids rise");
      assert(!state.byName.has(op.name), `mailbox ${op.mailbox}: its name is free`);
      state.add(new Mailbox({ id: op.mailbox, name: op.name, uidValidity: op.uidValidity, specialUse: op.specialUse, modseq: seq }, new Columns()));
      state.mailboxNext = op.mailbox + 1;
      state.uidValidityNext = Math.max(state.uidValidityNext, op.uidValidity + 1);
      return;
    case "mailbox-rename": {
      const mailbox = state.mailbox(op.mailbox);
      assert(!state.byName.has(op.name), `mailbox ${op.mailbox}: its new name is free`);
      state.byName.delete(mailbox.name);
      mailbox.name = op.name;
      state.byName.set(op.name, mailbox);
      return;
    }
    case "mailbox-delete": {
      const mailbox = state.mailbox(op.mailbox);
      state.usedBytes -= mailbox.bytes;
      state.messages -= mailbox.exists;
      state.byName.delete(mailbox.name);
      state.mailboxes.delete(mailbox.id);
      return;
    }
    case "subscribe":
      if (op.subscribed) state.subscriptions.add(op.name);
      else state.subscriptions.delete(op.name);
      return;
    case "keyword":
      state.mailbox(op.mailbox).keywords.push(op.name);
      return;
    case "append":
    case "copy":
    case "flags":
    case "expunge": {
      const mailbox = state.mailbox(op.mailbox);
      state.usedBytes -= mailbox.bytes;
      state.messages -= mailbox.exists;
      mailbox.apply(op, seq, op.kind === "copy" ? (state.mailboxes.get(op.from) ?? null) : null);
      state.usedBytes += mailbox.bytes;
      state.messages += mailbox.exists;
      return;
    }
    case "pack":
      assert(op.pack === state.packNext, "pack numbers rise");
      state.packNext = op.pack + 1;
      if (op.name !== "") state.packs.set(op.pack, { name: op.name, bytes: op.bytes });
      for (const dropped of op.dropped) state.packs.delete(dropped);
      for (const mailbox of state.mailboxes.values()) mailbox.applyPack(op, seq);
      state.expunged.apply(op);
      return;
    case "keep":
    case "forget":
      state.expunged.apply(op);
      return;
    case "mended":
      // The snapshot of who wrote this includes it, so nobody who comes from there gets here.
      throw new StateReplaced("an operator mended the account: its state is read anew");
    case "close":
      state.closed = true;
      return;
  }
}
