/** Final delivery (RFC 5321 section 4.4): one message into the INBOX of accounts here, each copy one commit. */
import type { Accounts } from "../account/accounts.ts";
import { appendMessages } from "../account/append.ts";
import type { AccountFailure } from "../account/failure.ts";
import { summaryOf } from "../account/summary.ts";
import { type Address, type ReversePath, writeAddress } from "../address/address.ts";
import { unreachable } from "../base/assert.ts";
import { utf8 } from "../base/bytes.ts";
import type { Directory } from "../directory/directory.ts";
import { withoutReturnPaths } from "../message/trace.ts";
import { INBOX_ID } from "../account/state.ts";

export interface MailboxWorld {
  readonly accounts: Accounts;
  readonly directory: Directory;
}
export interface FinalCopy {
  readonly accountId: string;
  /** The address it came for. */
  readonly deliveredTo: Address;
}
/** `unavailable` may have been done, when the store lost the answer: a copy too many then, never one too few. */
export type CopyAnswer = "delivered" | "over-quota" | "full" | "unavailable" | "gone";

/** How many copies of one message are committed at a time. */
const COPIES_AT_A_TIME = 32;
const NO_FLAGS = { system: 0, keywords: [] };

/** One message for any number of accounts: what all copies share is made once. */
export class MailboxDelivery {
  readonly #world: MailboxWorld;
  readonly #content: Buffer;
  readonly #reversePath: ReversePath;
  readonly #receivedAt: number;
  #summary: Buffer | null = null;

  constructor(world: MailboxWorld, message: { readonly content: Buffer; readonly reversePath: ReversePath; readonly receivedAt: number }) {
    this.#world = world;
    this.#content = withoutReturnPaths(message.content);
    this.#reversePath = message.reversePath;
    this.#receivedAt = message.receivedAt;
  }

  /** One answer for each copy, in their order. */
  async deliver(copies: readonly FinalCopy[]): Promise<CopyAnswer[]> {
    const answers: CopyAnswer[] = [];
    for (let from = 0; from < copies.length; from += COPIES_AT_A_TIME) {
      answers.push(...(await Promise.all(copies.slice(from, from + COPIES_AT_A_TIME).map((copy) => this.#one(copy)))));
    }
    return answers;
  }

  async #one(copy: FinalCopy): Promise<CopyAnswer> {
    const facts = await this.#world.directory.accountFacts(copy.accountId);
    if (facts.kind !== "found") return facts.kind === "absent" ? "gone" : "unavailable";
    const lease = await this.#world.accounts.use(copy.accountId);
    if (lease.kind !== "done") return answerOf(lease);
    const { account } = lease.value;
    try {
      account.quotaBytes = facts.account.quotaBytes ?? Infinity;
      // ENVELOPE and BODYSTRUCTURE say nothing of the fields in front, so that one summary serves every copy.
      this.#summary ??= summaryOf(this.#content);
      const content = Buffer.concat([traceOf(this.#reversePath, copy.deliveredTo), this.#content]);
      const appended = await appendMessages(account, (state) => state.mailboxes.get(INBOX_ID) ?? null, [{ content, flags: NO_FLAGS, internalDate: this.#receivedAt, summary: this.#summary }]);
      return appended.kind === "done" ? "delivered" : answerOf(appended);
    } finally {
      lease.value.release();
    }
  }
}

/** The return path (RFC 5321 section 4.4) and whom it came for (RFC 9228). */
function traceOf(reversePath: ReversePath, deliveredTo: Address): Buffer {
  const path = reversePath.kind === "null" ? "" : writeAddress(reversePath.address);
  return utf8(`Return-Path: <${path}>\r\nDelivered-To: ${writeAddress(deliveredTo)}\r\n`);
}

function answerOf(failure: AccountFailure): CopyAnswer {
  switch (failure.kind) {
    case "over-quota":
      return "over-quota";
    case "full":
      return "full";
    case "closed": case "mailbox-missing":
      return "gone";
    case "unavailable": case "corrupt": case "mailbox-exists": case "mailbox-name": case "mailbox-fixed": case "limit":
      return "unavailable";
    default:
      return unreachable(failure);
  }
}
