/**
 * One session with a server, for one message after another (RFC 5321 section 3.3, RFC 2920, RFC 3030).
 *
 * With PIPELINING the whole envelope and DATA go in one write. DATA is safe there since its reply is read before any
 * content is sent: where nobody was accepted and the server says 354 all the same, a lone dot ends it (RFC 2920 section 3.1).
 *
 * Once the end of the content was sent and no reply came it is not known whether the server took the message. It is
 * deferred then: a second copy is better than none.
 */
import type { MailTransaction, RecipientOutcome } from "../queue/transport.ts";
import type { AttemptReply } from "../queue/queued-message.ts";
import { writeData } from "../smtp/data.ts";
import { writeMailParameters, writeRcptParameters } from "../smtp/parameter.ts";
import { writeForwardPath, writeReversePath } from "../smtp/path.ts";
import type { ReceivedReply } from "../smtp/reply-reader.ts";
import { BLOCK_BYTES, BLOCK_TIMEOUT_MS, COMMAND_TIMEOUT_MS, DATA_TIMEOUT_MS, ENVELOPE_TIMEOUT_MS, FINAL_TIMEOUT_MS, QUIT_TIMEOUT_MS, SESSION_TRANSACTIONS_MAX } from "./limits.ts";
import type { OpenedSession, Target } from "./open-session.ts";
import { ownReply, peerReply, refusal } from "./peer-reply.ts";
import type { ReplyStream, StreamAnswer } from "./reply-stream.ts";
import { isInternational, planFor, requirementsOf, type Plan } from "./requirements.ts";

export type SessionAnswer =
  /** One outcome for each recipient. */
  | { readonly kind: "outcomes"; readonly outcomes: readonly RecipientOutcome[] }
  /** The session ended before anything was handed over; another host may be asked for all recipients. */
  | { readonly kind: "interrupted"; readonly reply: AttemptReply };

type SendPlan = Extract<Plan, { kind: "send" }>;
/** Null: accepted by RCPT, to be decided by the content. */
type Outcomes = (RecipientOutcome | null)[];

const FINAL_DOT = Buffer.from(".\r\n");

export class ClientSession {
  readonly target: Target;
  readonly #stream: ReplyStream;
  readonly #opened: OpenedSession;
  #transactions = 0;
  /** A transaction was begun and not ended by its content. */
  #begun = false;
  #leaving = false;

  constructor(target: Target, opened: OpenedSession) {
    this.target = target;
    this.#opened = opened;
    this.#stream = opened.stream;
  }
  /** Whether another message may be sent over it. */
  get reusable(): boolean {
    return !this.#stream.gone && !this.#leaving && this.#transactions < SESSION_TRANSACTIONS_MAX;
  }
  /** Ends a transaction that was begun and left (RFC 5321 section 4.1.1.5). */
  async #reset(): Promise<boolean> {
    const answer = await this.#stream.command("RSET", COMMAND_TIMEOUT_MS);
    this.#begun = false;
    if (answer.kind === "reply" && answer.reply.class === 2) return true;
    await this.quit();
    return false;
  }
  quit(): Promise<void> {
    this.#leaving = true;
    return this.#stream.quit(QUIT_TIMEOUT_MS);
  }

  async deliver(transaction: MailTransaction): Promise<SessionAnswer> {
    const plan = planFor(transaction, requirementsOf(transaction), this.#opened.extensions, this.target.host);
    if (plan.kind === "refuse") return { kind: "outcomes", outcomes: transaction.recipients.map(() => ({ kind: "failed", reply: plan.reply })) };
    if (this.#begun && !(await this.#reset())) return this.#interrupted("the session could not be reset");
    this.#transactions++;
    this.#begun = true;
    const outcomes: Outcomes = transaction.recipients.map(({ address }) => (isInternational(address) && !plan.smtpUtf8 ? { kind: "failed", reply: ownReply("5.6.7", `${this.target.host} does not support internationalized addresses (SMTPUTF8)`, this.target.host) } : null));
    if (outcomes.every((outcome) => outcome !== null)) return { kind: "outcomes", outcomes };
    const pipelining = this.#opened.extensions.has("PIPELINING");
    return pipelining ? this.#pipelined(transaction, plan, outcomes) : this.#stepByStep(transaction, plan, outcomes);
  }

  async #pipelined(transaction: MailTransaction, plan: SendPlan, outcomes: Outcomes): Promise<SessionAnswer> {
    const lines = [mailLine(transaction, plan), ...transaction.recipients.flatMap((_, index) => (outcomes[index] === null ? [rcptLine(transaction, plan, index)] : []))];
    if (!plan.chunking) lines.push("DATA");
    this.#stream.send(lines.join("\r\n"));
    const mail = await this.#stream.next(ENVELOPE_TIMEOUT_MS);
    if (mail.kind === "gone" || this.#isGoodbye(mail.reply)) return this.#cut(mail);
    const refused = mail.reply.class === 2 ? null : refusal(mail.reply, this.target.host);
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome !== null) continue;
      const answer = await this.#stream.next(ENVELOPE_TIMEOUT_MS);
      if (answer.kind === "gone" || this.#isGoodbye(answer.reply)) return this.#cut(answer);
      outcomes[index] = refused ?? rcptOutcome(answer.reply, this.target.host);
    }
    if (plan.chunking) return this.#sendChunk(transaction, plan, outcomes);
    return this.#afterData(transaction, plan, outcomes, await this.#stream.next(DATA_TIMEOUT_MS));
  }

  async #stepByStep(transaction: MailTransaction, plan: SendPlan, outcomes: Outcomes): Promise<SessionAnswer> {
    const mail = await this.#stream.command(mailLine(transaction, plan), ENVELOPE_TIMEOUT_MS);
    if (mail.kind === "gone" || this.#isGoodbye(mail.reply)) return this.#cut(mail);
    if (mail.reply.class !== 2) return this.#settled(outcomes, refusal(mail.reply, this.target.host));
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome !== null) continue;
      const answer = await this.#stream.command(rcptLine(transaction, plan, index), ENVELOPE_TIMEOUT_MS);
      if (answer.kind === "gone" || this.#isGoodbye(answer.reply)) return this.#cut(answer);
      outcomes[index] = rcptOutcome(answer.reply, this.target.host);
    }
    if (plan.chunking) return this.#sendChunk(transaction, plan, outcomes);
    if (!outcomes.includes(null)) return this.#settled(outcomes, null);
    return this.#afterData(transaction, plan, outcomes, await this.#stream.command("DATA", DATA_TIMEOUT_MS));
  }

  async #afterData(transaction: MailTransaction, plan: SendPlan, outcomes: Outcomes, data: StreamAnswer): Promise<SessionAnswer> {
    const wanted = outcomes.includes(null);
    if (data.kind === "gone" || this.#isGoodbye(data.reply)) return wanted ? this.#cut(data) : this.#settled(outcomes, null);
    if (data.reply.code !== 354) return this.#settled(outcomes, refusal(data.reply, this.target.host));
    if (!wanted) return this.#endEmpty(outcomes);
    const stuffed = writeData(transaction.content);
    // Content with bare line ends was planned for BDAT, so this is a programmer's error; the session is left rather than a wrong end sent.
    if (stuffed.kind === "bare-line-end") {
      this.#stream.connection.destroy();
      return this.#settled(outcomes, { kind: "failed", reply: ownReply("5.6.3", "the message has bare line ends") });
    }
    const octets = stuffed.pieces.reduce((sum, piece) => sum + piece.length, 0);
    for (const piece of octets <= BLOCK_BYTES ? [Buffer.concat(stuffed.pieces)] : stuffed.pieces) {
      if (!(await this.#stream.sendAll(piece, BLOCK_BYTES, BLOCK_TIMEOUT_MS))) return this.#settled(outcomes, this.#lost("the connection was lost while the message was sent"));
    }
    return this.#final(outcomes, plan);
  }

  /** RFC 3030: one chunk, the last. */
  async #sendChunk(transaction: MailTransaction, plan: SendPlan, outcomes: Outcomes): Promise<SessionAnswer> {
    if (!outcomes.includes(null)) return this.#settled(outcomes, null);
    this.#stream.send(`BDAT ${transaction.content.length} LAST`);
    if (!(await this.#stream.sendAll(transaction.content, BLOCK_BYTES, BLOCK_TIMEOUT_MS))) return this.#settled(outcomes, this.#lost("the connection was lost while the message was sent"));
    return this.#final(outcomes, plan);
  }

  async #final(outcomes: Outcomes, plan: SendPlan): Promise<SessionAnswer> {
    const answer = await this.#stream.next(FINAL_TIMEOUT_MS);
    if (answer.kind === "gone") return this.#settled(outcomes, this.#lost(`${answer.detail} after the message was sent; whether it was accepted is not known`));
    this.#begun = false;
    this.#isGoodbye(answer.reply);
    if (answer.reply.class !== 2) return this.#settled(outcomes, refusal(answer.reply, this.target.host));
    return this.#settled(outcomes, { kind: "delivered", reply: peerReply(answer.reply, this.target.host), dsnPassedOn: plan.dsn });
  }

  /** Everybody was refused and the server waits for content: it gets none. */
  async #endEmpty(outcomes: Outcomes): Promise<SessionAnswer> {
    this.#stream.connection.write(FINAL_DOT);
    await this.#stream.next(FINAL_TIMEOUT_MS);
    this.#begun = false;
    return this.#settled(outcomes, null);
  }

  /** Those not decided yet get `rest`. */
  #settled(outcomes: Outcomes, rest: RecipientOutcome | null): SessionAnswer {
    return { kind: "outcomes", outcomes: outcomes.map((outcome) => outcome ?? rest ?? this.#lost("no answer about this recipient")) };
  }
  #lost(detail: string): RecipientOutcome {
    return { kind: "deferred", reply: ownReply("4.4.2", `${this.target.host}: ${detail}`, this.target.host) };
  }
  #interrupted(detail: string): SessionAnswer {
    return { kind: "interrupted", reply: ownReply("4.4.2", `${this.target.host}: ${detail}`, this.target.host) };
  }
  /** 421 says that the server closes the connection, whatever was asked (RFC 5321 section 3.8). */
  #isGoodbye(reply: ReceivedReply): boolean {
    if (reply.code !== 421) return false;
    void this.quit();
    return true;
  }
  #cut(answer: StreamAnswer): SessionAnswer {
    return answer.kind === "gone" ? this.#interrupted(answer.detail) : { kind: "interrupted", reply: peerReply(answer.reply, this.target.host) };
  }
}

function mailLine(transaction: MailTransaction, plan: SendPlan): string {
  return `MAIL FROM:${writeReversePath(transaction.envelope.reversePath)}${writeMailParameters(plan.parameters)}`;
}

function rcptLine(transaction: MailTransaction, plan: SendPlan, index: number): string {
  const { address, notify, originalRecipient } = transaction.recipients[index]!;
  return `RCPT TO:${writeForwardPath({ kind: "address", address })}${plan.dsn ? writeRcptParameters({ notify, originalRecipient }) : ""}`;
}

/** 552 without a word about the mailbox means too many recipients, which passes (RFC 5321 section 4.5.3.1.10). */
function rcptOutcome(reply: ReceivedReply, host: string): RecipientOutcome | null {
  if (reply.class === 2) return null;
  if (reply.code === 552 && (reply.enhanced === null || reply.enhanced === "5.5.3")) return { kind: "deferred", reply: { ...peerReply(reply, host), status: "4.5.3" } };
  return refusal(reply, host);
}
