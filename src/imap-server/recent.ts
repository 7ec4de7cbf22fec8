/**
 * \Recent (RFC 3501 section 2.3.2), which IMAP4rev2 does without: a message is recent in the first session that hears of it.
 *
 * Which one that was is remembered by this process and never written down, so that selecting a mailbox writes nothing.
 * Where it can not be known, a message is recent: that is what the RFC asks for.
 */
import type { Account } from "../account/account.ts";
import { RECENT_RANGES_MAX } from "./limits.ts";

/** For each mailbox the first UID that was not told to any session that may change it. Ids of mailboxes are never used again. */
const firstUnclaimed = new WeakMap<Account, Map<number, number>>();

export function recentFrom(account: Account, mailboxId: number): number {
  return firstUnclaimed.get(account)?.get(mailboxId) ?? 1;
}
function claim(account: Account, mailboxId: number, uidNext: number): void {
  const marks = firstUnclaimed.get(account) ?? new Map<number, number>();
  firstUnclaimed.set(account, marks);
  marks.set(mailboxId, Math.max(uidNext, marks.get(mailboxId) ?? 1));
}

/** The messages that are recent in one session. */
export class RecentMessages {
  /** Ascending and apart; `to` is not in it. */
  readonly #ranges: { readonly from: number; to: number }[] = [];
  readonly #account: Account;
  readonly #mailboxId: number;
  readonly #claims: boolean;

  /** `claims`: what is told here is recent nowhere else afterwards; not so for EXAMINE (RFC 3501 section 6.3.2). */
  constructor(account: Account, mailboxId: number, options: { readonly claims: boolean }) {
    this.#account = account;
    this.#mailboxId = mailboxId;
    this.#claims = options.claims;
  }
  /** The client hears of the messages from `first` to before `uidNext`. */
  hears(first: number, uidNext: number): void {
    const from = Math.max(first, recentFrom(this.#account, this.#mailboxId));
    if (this.#claims) claim(this.#account, this.#mailboxId, uidNext);
    if (from >= uidNext) return;
    const last = this.#ranges.at(-1);
    if (last !== undefined && last.to >= from) last.to = uidNext;
    else this.#ranges.push({ from, to: uidNext });
    // Two busy sessions share the new messages between them; the oldest of ours are no news any more.
    if (this.#ranges.length > RECENT_RANGES_MAX) this.#ranges.shift();
  }
  has(uid: number): boolean {
    let at = this.#ranges.length - 1;
    while (at >= 0 && this.#ranges[at]!.from > uid) at -= 1;
    return at >= 0 && uid < this.#ranges[at]!.to;
  }
  /** How many of the messages it has, given how many lie below a UID. */
  count(below: (uid: number) => number): number {
    return this.#ranges.reduce((sum, { from, to }) => sum + below(to) - below(from), 0);
  }
}
