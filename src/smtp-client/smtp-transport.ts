/** The queue's transport by SMTP: finds the hosts of a domain and asks one after another until one takes part in a transaction. */
import type { Domain } from "../address/address.ts";
import type { AttemptReply } from "../queue/queued-message.ts";
import type { DeliveryAttempt, MailTransaction, RecipientOutcome, Transport } from "../queue/transport.ts";
import { ClientSession, type SessionAnswer } from "./client-session.ts";
import { ADDRESSES_TRIED_MAX } from "./limits.ts";
import { openSession, type ClientWorld, type OpenAnswer, type Target } from "./open-session.ts";
import { ownReply } from "./peer-reply.ts";
import { routeTo, type RouteWorld } from "./route.ts";
import { SessionPool } from "./session-pool.ts";

export type SmtpTransportWorld = ClientWorld & RouteWorld;

export class SmtpTransport implements Transport {
  readonly #world: SmtpTransportWorld;
  readonly #pool: SessionPool;

  constructor(world: SmtpTransportWorld) {
    this.#world = world;
    this.#pool = new SessionPool(world);
  }

  async deliver(destination: Domain, transaction: MailTransaction): Promise<DeliveryAttempt> {
    const route = await routeTo(destination, this.#world);
    if (route.kind !== "targets") return forAll(transaction, { kind: route.kind, reply: route.reply }, route.kind === "failed" ? "up" : "down");
    return this.#oneOf(route.targets, transaction);
  }

  async #oneOf(targets: readonly Target[], transaction: MailTransaction): Promise<DeliveryAttempt> {
    let passing: AttemptReply | null = null;
    let permanent: AttemptReply | null = null;
    for (const target of targets.slice(0, ADDRESSES_TRIED_MAX)) {
      const answer = await this.#pool.deliver(target, transaction);
      if (answer.kind === "outcomes") return { outcomes: answer.outcomes, destination: "up" };
      if (answer.kind === "unavailable" && answer.permanent) permanent ??= answer.reply;
      else passing = answer.reply;
    }
    // Refused for good only if every host that was asked says so (RFC 7504 section 3).
    if (passing === null && permanent !== null) return forAll(transaction, { kind: "failed", reply: permanent }, "up");
    return forAll(transaction, { kind: "deferred", reply: passing ?? ownReply("4.4.4", "no host to ask") }, "down");
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}

function forAll(transaction: MailTransaction, outcome: RecipientOutcome, destination: DeliveryAttempt["destination"]): DeliveryAttempt {
  return { outcomes: transaction.recipients.map(() => outcome), destination };
}

/** One message over one new connection to one host, without pool and route. */
export async function deliverOver(target: Target, transaction: MailTransaction, world: ClientWorld): Promise<SessionAnswer | Extract<OpenAnswer, { kind: "unavailable" }>> {
  const opened = await openSession(target, world);
  if (opened.kind === "unavailable") return opened;
  const session = new ClientSession(target, opened);
  const answer = await session.deliver(transaction);
  await session.quit();
  return answer;
}
