/** Samples for the tests of the queue. */
import { parseAddress, type Address, type Domain } from "../address/address.ts";
import { Keyring } from "../journal/keyring.ts";
import { FakeClock } from "../port/clock.fake.ts";
import type { Hints } from "../port/hints.ts";
import { FakeLog } from "../port/log.fake.ts";
import { MemoryStore } from "../port/object-store.fake.ts";
import { FakeRandom } from "../port/random.fake.ts";
import type { ObjectStore } from "../port/object-store.ts";
import { Queue, type NewMessage } from "./queue.ts";
import type { QueuedMessage } from "./queued-message.ts";
import type { DeliveryAttempt, MailTransaction, RecipientOutcome, Transport } from "./transport.ts";

export function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === null) throw new Error(`${text} is no address`);
  return parsed;
}

export const CONTENT = Buffer.from("From: <a@tayori.test>\r\nMessage-ID: <1@tayori.test>\r\nSubject: secret words\r\n\r\nthe body\r\n");

export function newMessage(to: readonly string[], change: Partial<NewMessage> = {}): NewMessage {
  return {
    envelope: { reversePath: { kind: "address", address: address("a@tayori.test") }, ret: null, envelopeId: null, bodyType: "7bit", smtpUtf8: false },
    recipients: to.map((text) => ({ address: address(text), notify: null, originalRecipient: null })),
    content: CONTENT,
    arrivedAt: 1_700_000_000_000,
    ...change,
  };
}

export function queuedMessage(id: string, to: readonly string[], change: Partial<QueuedMessage> = {}): QueuedMessage {
  const { envelope, recipients, arrivedAt } = newMessage(to);
  return {
    id, envelope, arrivedAt, expiresAt: arrivedAt + 5 * 86_400_000, held: null, contentBytes: CONTENT.length,
    content: { kind: "inline", seq: 1, offset: 24, length: 100 },
    recipients: recipients.map((recipient) => ({ ...recipient, status: "pending", attempts: 0, nextAttemptAt: arrivedAt, lastAttemptAt: null, lastReply: null, delayNotified: false, report: null })),
    ...change,
  };
}

export function testWorld(seed = 1): { clock: FakeClock; random: FakeRandom; log: FakeLog; store: MemoryStore } {
  return { clock: new FakeClock(), random: new FakeRandom(seed), log: new FakeLog(), store: new MemoryStore() };
}

const MASTER = Buffer.alloc(32, 9);
export async function openQueue(world: { clock: FakeClock; random: FakeRandom; log: FakeLog; store: ObjectStore; hints?: Hints }, shards = 2): Promise<Queue> {
  const answer = await Queue.open({ ...world, keyring: new Keyring(world.store, MASTER, world.random), shards });
  if (answer.kind !== "open") throw new Error(answer.detail);
  return answer.queue;
}

export const delivered: RecipientOutcome = { kind: "delivered", reply: { code: 250, status: "2.0.0", text: "ok", remoteMta: "mx.example.test" }, dsnPassedOn: false };
export const deferred: RecipientOutcome = { kind: "deferred", reply: { code: 451, status: "4.3.0", text: "later", remoteMta: "mx.example.test" } };
export const failed: RecipientOutcome = { kind: "failed", reply: { code: 550, status: "5.1.1", text: "no such user <x@example.test>", remoteMta: "mx.example.test" } };
export const unreachableHost: RecipientOutcome = { kind: "deferred", reply: { code: null, status: "4.4.1", text: "connection refused", remoteMta: null } };

/** Answers by a function, and keeps what it was given. */
export class FakeTransport implements Transport {
  readonly attempts: { readonly domain: Domain; readonly transaction: MailTransaction }[] = [];
  active = 0;
  activeMost = 0;
  answer: (domain: Domain, transaction: MailTransaction) => DeliveryAttempt | Promise<DeliveryAttempt>;
  constructor(answer: (domain: Domain, transaction: MailTransaction) => DeliveryAttempt | Promise<DeliveryAttempt>) {
    this.answer = answer;
  }
  async deliver(domain: Domain, transaction: MailTransaction): Promise<DeliveryAttempt> {
    this.attempts.push({ domain, transaction });
    this.activeMost = Math.max(this.activeMost, ++this.active);
    try {
      return await this.answer(domain, transaction);
    } finally {
      this.active--;
    }
  }
}
export function all(outcome: RecipientOutcome, destination: DeliveryAttempt["destination"] = "up"): (domain: Domain, transaction: MailTransaction) => DeliveryAttempt {
  return (_, transaction) => ({ destination, outcomes: transaction.recipients.map(() => outcome) });
}
