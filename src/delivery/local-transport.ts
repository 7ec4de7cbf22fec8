/** The queue's way into mailboxes here, for copies that could not be committed when the message came. Everything else goes on to the other transport. */
import type { Domain } from "../address/address.ts";
import type { Recipients } from "../directory/recipients.ts";
import type { Clock } from "../port/clock.ts";
import type { DeliveryAttempt, MailTransaction, RecipientOutcome, Transport, TransportRecipient } from "../queue/transport.ts";
import { type CopyAnswer, MailboxDelivery, type MailboxWorld } from "./mailbox-delivery.ts";

export interface LocalWorld extends MailboxWorld {
  readonly recipients: Recipients;
  readonly clock: Clock;
}

export class LocalTransport implements Transport {
  readonly #world: LocalWorld;
  readonly #others: Transport;

  constructor(world: LocalWorld, others: Transport) {
    this.#world = world;
    this.#others = others;
  }
  async deliver(destination: Domain, transaction: MailTransaction): Promise<DeliveryAttempt> {
    const first = transaction.recipients[0];
    if (first === undefined) return { outcomes: [], destination: "up" };
    const found = await this.#world.recipients.resolve({ localPart: first.address.localPart, domain: destination });
    if (found.kind === "unknown-domain") return this.#others.deliver(destination, transaction);
    // Whether the domain is ours is not known: nothing is said of the mailbox.
    if (found.kind === "unavailable") return { outcomes: transaction.recipients.map(() => NO_DIRECTORY), destination: "up" };
    const mailboxes = new MailboxDelivery(this.#world, { content: transaction.content, reversePath: transaction.envelope.reversePath, receivedAt: this.#world.clock.now() });
    const outcomes = await Promise.all(transaction.recipients.map((recipient) => this.#one(mailboxes, recipient)));
    return { outcomes, destination: "up" };
  }
  async #one(mailboxes: MailboxDelivery, { address }: TransportRecipient): Promise<RecipientOutcome> {
    const found = await this.#world.recipients.resolve(address);
    switch (found.kind) {
      // A domain that was ours a moment ago and is not now belongs to the other transport: the next attempt finds it.
      case "unavailable": case "unknown-domain":
        return NO_DIRECTORY;
      case "unknown-user":
        return outcome("failed", "5.1.1", "no such mailbox");
      case "disabled":
        return outcome("failed", "5.2.1", "the mailbox is disabled");
      case "local": {
        const [answer] = await mailboxes.deliver(found.accountIds.slice(0, 1).map((accountId) => ({ accountId, deliveredTo: address })));
        return outcomeOf(answer ?? "gone");
      }
    }
  }
}

const NO_DIRECTORY = outcome("deferred", "4.3.0", "the directory does not answer");

function outcomeOf(answer: CopyAnswer): RecipientOutcome {
  switch (answer) {
    case "delivered":
      return { kind: "delivered", reply: { code: null, status: "2.1.5", text: "delivered to the mailbox", remoteMta: null }, dsnPassedOn: false };
    case "over-quota":
      return outcome("deferred", "4.2.2", "the mailbox is over its quota");
    case "full":
      return outcome("deferred", "4.3.1", "the store has no room");
    case "unavailable":
      return outcome("deferred", "4.3.0", "the store does not answer");
    case "gone":
      return outcome("failed", "5.1.1", "no such mailbox");
  }
}
function outcome(kind: "deferred" | "failed", status: string, text: string): RecipientOutcome {
  return { kind, reply: { code: null, status, text, remoteMta: null } };
}
