/**
 * What becomes of a message (RFC 5321 section 4.2.5): into mailboxes here, into the queue for other hosts, and where one of
 * several copies can't be committed now, into the queue as well. `accepted` is said only when all of that is durable.
 *
 * Nothing accepted is ever dropped: a copy that fails for good later becomes a report to the sender, by way of the queue.
 */
import { type Address, parseAddress, type ReversePath } from "../address/address.ts";
import type { Recipients } from "../directory/recipients.ts";
import { composeReport, type ReportLanguage, wanted } from "../dsn/dsn.ts";
import type { Filter } from "../filter/filter.ts";
import { countReceived } from "../message/trace.ts";
import type { Clock } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import type { Metrics } from "../port/metrics.ts";
import type { Random } from "../port/random.ts";
import type { OwnMessage } from "../queue/owed-reports.ts";
import type { NewRecipient, Queue } from "../queue/queue.ts";
import type { Login } from "../sasl/authenticator.ts";
import { type CopyAnswer, type FinalCopy, MailboxDelivery, type MailboxWorld } from "./mailbox-delivery.ts";
import type { OutgoingSigner } from "./outgoing-signer.ts";
import type { AcceptedRecipient, DeliveryAnswer, Intake, ReceivedMessage, RecipientAnswer } from "./received.ts";

/** RFC 5321 section 6.3: at least 100. */
const RECEIVED_MAX = 100;

export interface DeliveryWorld extends MailboxWorld {
  readonly recipients: Recipients;
  readonly queue: Queue;
  readonly filter: Filter;
  readonly signer: OutgoingSigner;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly hostname: string;
  readonly language: ReportLanguage;
}
interface Copy extends FinalCopy {
  readonly recipient: AcceptedRecipient;
}
interface Plan {
  readonly copies: readonly Copy[];
  readonly remote: readonly NewRecipient[];
}

export class Delivery implements Intake {
  readonly #world: DeliveryWorld;

  constructor(world: DeliveryWorld) {
    this.#world = world;
  }

  async recipient(address: Address, context: { readonly role: "mx" | "submission"; readonly login: Login | null; readonly reversePath: ReversePath }): Promise<RecipientAnswer> {
    const found = await this.#world.recipients.resolve(address);
    switch (found.kind) {
      case "local":
        return found.accountIds.length === 1 && found.remote.length === 0 ? this.#room(found.accountIds[0]!) : { kind: "accepted" };
      case "unknown-domain":
        return { kind: context.role === "submission" ? "accepted" : "relay-denied" };
      case "unknown-user":
        return { kind: "unknown" };
      case "disabled":
        return { kind: "disabled" };
      case "unavailable":
        return { kind: "unavailable" };
    }
  }
  /** A full account is said at RCPT, before the message is sent. Whether there is room for this one shows at the commit. */
  async #room(accountId: string): Promise<RecipientAnswer> {
    const facts = await this.#world.directory.accountFacts(accountId);
    const quotaBytes = facts.kind === "found" ? (facts.account.quotaBytes ?? Infinity) : Infinity;
    if (quotaBytes === Infinity) return { kind: "accepted" };
    const lease = await this.#world.accounts.use(accountId);
    if (lease.kind !== "done") return { kind: lease.kind === "closed" ? "unknown" : "unavailable" };
    const full = lease.value.account.state.usedBytes >= quotaBytes;
    lease.value.release();
    return { kind: full ? "over-quota" : "accepted" };
  }

  maySendAs(login: Login, address: Address): Promise<boolean | "unavailable"> {
    return this.#world.recipients.owns(login.accountId, address);
  }

  async deliver(received: ReceivedMessage): Promise<DeliveryAnswer> {
    if (countReceived(received.content) > RECEIVED_MAX) return { kind: "refused", because: "loop" };
    const plan = await this.#plan(received);
    const message = plan === null ? null : await this.#ready(received);
    if (plan === null || message === null) return { kind: "deferred", because: "unavailable" };
    const { reversePath } = message.envelope;
    const mailboxes = new MailboxDelivery(this.#world, { content: message.content, reversePath, receivedAt: message.receivedAt });
    const answers = await mailboxes.deliver(plan.copies);
    const failed = plan.copies.filter((_, i) => answers[i] !== "delivered");
    this.#count(plan, answers);
    // Nobody has it and nobody else is to get it: the peer keeps it, and learns why.
    if (failed.length === plan.copies.length && plan.remote.length === 0) return { kind: "deferred", because: reasonOf(answers) };
    const again = await this.#withAddresses(failed);
    if (again === null) return { kind: "deferred", because: "unavailable" };
    const queued = await this.#enqueue(message, [...plan.remote, ...again]);
    if (queued === null) return { kind: "deferred", because: "unavailable" };
    await this.#reportSuccess(message, plan.copies.filter((_, i) => answers[i] === "delivered"));
    return { kind: "accepted", queueId: queued };
  }

  /** Labelled with what was found out about it; signed, where it was submitted here. Null when it cannot be signed now. */
  async #ready(received: ReceivedMessage): Promise<ReceivedMessage | null> {
    const { content } = await this.#world.filter.judge(received);
    if (received.role === "mx") return { ...received, content };
    const signed = await this.#world.signer.sign(content, { alsoParents: false });
    return signed.kind === "ready" ? { ...received, content: signed.content } : null;
  }

  /** Who gets copies: each account once, however many addresses lead to it. Null when the directory can't be asked. */
  async #plan(message: ReceivedMessage): Promise<Plan | null> {
    const copies = new Map<string, Copy>();
    const remote = new Map<string, NewRecipient>();
    for (const recipient of message.envelope.recipients) {
      const { notify, originalRecipient, address } = recipient;
      const found = await this.#world.recipients.resolve(address);
      if (found.kind === "unavailable") return null;
      // Gone since RCPT: the queue will try, fail and tell the sender.
      const elsewhere = found.kind === "local" ? found.remote : [address];
      if (found.kind === "local") for (const accountId of found.accountIds) if (!copies.has(accountId)) copies.set(accountId, { accountId, deliveredTo: address, recipient });
      for (const target of elsewhere) remote.set(`${target.localPart}@${target.domain}`, { address: target, notify, originalRecipient });
    }
    return { copies: [...copies.values()], remote: [...remote.values()] };
  }
  /** Copies that failed wait in the queue under the account's own address, so that nobody else gets a second one. */
  async #withAddresses(failed: readonly Copy[]): Promise<NewRecipient[] | null> {
    const recipients: NewRecipient[] = [];
    for (const { accountId, recipient } of failed) {
      const facts = await this.#world.directory.accountFacts(accountId);
      if (facts.kind === "unavailable") return null;
      const own = facts.kind === "found" ? parseAddress(facts.account.address) : null;
      recipients.push({ address: own ?? recipient.address, notify: recipient.notify, originalRecipient: recipient.originalRecipient });
    }
    return recipients;
  }
  /** The queue's id, or one that is only for the reply where nothing has to wait. */
  async #enqueue(message: ReceivedMessage, recipients: readonly NewRecipient[]): Promise<string | null> {
    if (recipients.length === 0) return message.sessionId;
    const { reversePath, ret, envelopeId, bodyType, smtpUtf8 } = message.envelope;
    const queued = await this.#world.queue.enqueue({ envelope: { reversePath, ret, envelopeId, bodyType, smtpUtf8 }, recipients, content: message.content, arrivedAt: message.receivedAt });
    if (queued.kind === "queued") return queued.id;
    this.#world.log.warn("enqueue-failed", { session: message.sessionId, because: queued.because });
    return null;
  }
  #count(plan: Plan, answers: readonly CopyAnswer[]): void {
    for (const answer of answers) this.#world.metrics.count("tayori_deliveries_total", { result: answer });
    if (plan.remote.length > 0) this.#world.metrics.count("tayori_queued_recipients_total", {}, plan.remote.length);
  }

  /** NOTIFY=SUCCESS (RFC 3461 section 4.1): the message is in the mailbox, so the report is ours to write. */
  async #reportSuccess(message: ReceivedMessage, delivered: readonly Copy[]): Promise<void> {
    const { reversePath, envelopeId, ret, smtpUtf8 } = message.envelope;
    const told = delivered.filter(({ recipient }) => wanted("delivered", recipient.notify, reversePath));
    if (told.length === 0 || reversePath.kind === "null") return;
    const { hostname, clock, random, language } = this.#world;
    const now = clock.now();
    const recipients = [...new Set(told.map(({ recipient }) => recipient))].map(({ address, originalRecipient }) => ({
      address, originalRecipient, status: "2.1.5", remoteMta: null, diagnostic: { from: "local", text: "delivered to the mailbox" }, lastAttemptAt: now, willRetryUntil: null,
    } as const));
    const report = composeReport({ action: "delivered", recipients: [recipients[0]!, ...recipients.slice(1)], to: reversePath.address, reportingMta: hostname, envelopeId, ret, smtpUtf8, arrivedAt: message.receivedAt, now, content: message.content, language }, random);
    const handed = await this.handOver({ ...report, key: `${this.#world.queue.newId()}`, to: reversePath.address });
    // A message that arrived is no less delivered when this report can't be written now.
    if (handed !== "accepted") this.#world.log.warn("success-report-failed", { session: message.sessionId, result: handed });
  }

  /** A message of our own, with the null reverse-path: into a mailbox here or into the queue, durably. */
  async handOver(own: OwnMessage): Promise<"accepted" | "refused" | "unavailable"> {
    const signed = await this.#world.signer.sign(own.content, { alsoParents: true });
    if (signed.kind === "unavailable") return "unavailable";
    const message = { ...own, content: signed.content };
    const found = await this.#world.recipients.resolve(message.to);
    if (found.kind === "unavailable") return "unavailable";
    if (found.kind === "unknown-user" || found.kind === "disabled") return "refused";
    const targets: Address[] = found.kind === "local" ? [...found.remote] : [message.to];
    const receivedAt = this.#world.clock.now();
    if (found.kind === "local") {
      const mailboxes = new MailboxDelivery(this.#world, { content: message.content, reversePath: { kind: "null" }, receivedAt });
      const copies = found.accountIds.map((accountId) => ({ accountId, deliveredTo: message.to, recipient: { address: message.to, notify: "never", originalRecipient: null } as const }));
      const answers = await mailboxes.deliver(copies);
      if (answers.some((answer) => answer === "unavailable" || answer === "full")) return "unavailable";
      // Who has no room now may have some before the queue gives up.
      const waiting = await this.#withAddresses(copies.filter((_, i) => answers[i] === "over-quota"));
      if (waiting === null) return "unavailable";
      targets.push(...waiting.map((recipient) => recipient.address));
      if (targets.length === 0) return answers.includes("delivered") ? "accepted" : "refused";
    }
    const queued = await this.#world.queue.enqueue({
      id: message.key, content: message.content, arrivedAt: receivedAt,
      envelope: { reversePath: { kind: "null" }, ret: null, envelopeId: null, bodyType: message.bodyType, smtpUtf8: message.smtpUtf8 },
      recipients: targets.map((address) => ({ address, notify: "never", originalRecipient: null })),
    });
    return queued.kind === "queued" ? "accepted" : "unavailable";
  }
}

function reasonOf(answers: readonly CopyAnswer[]): "unavailable" | "full" | "over-quota" {
  if (answers.every((answer) => answer === "over-quota")) return "over-quota";
  return answers.some((answer) => answer === "full") ? "full" : "unavailable";
}
