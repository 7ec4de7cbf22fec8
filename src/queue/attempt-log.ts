/** What operators see of an attempt: domain, host and codes. No address, no words of a peer (they quote addresses), no content. */
import type { Domain } from "../address/address.ts";
import type { Log } from "../port/log.ts";
import type { Metrics } from "../port/metrics.ts";
import type { QueuedMessage } from "./queued-message.ts";
import type { DeliveryAttempt } from "./transport.ts";

export function writeAttemptOutcome(to: { readonly log: Log; readonly metrics: Metrics }, message: QueuedMessage, domain: Domain, attempt: DeliveryAttempt, seconds: number): void {
  to.metrics.observe("tayori_queue_attempt_seconds", seconds, { destination: attempt.destination });
  const counts = new Map<string, { count: number; outcome: DeliveryAttempt["outcomes"][number] }>();
  for (const outcome of attempt.outcomes) {
    const key = `${outcome.kind} ${outcome.reply.code} ${outcome.reply.status} ${outcome.reply.remoteMta}`;
    const known = counts.get(key);
    if (known === undefined) counts.set(key, { count: 1, outcome });
    else known.count++;
  }
  for (const { count, outcome } of counts.values()) {
    to.metrics.count("tayori_queue_outcomes_total", { outcome: outcome.kind }, count);
    const { code, status, remoteMta } = outcome.reply;
    const fields = { id: message.id, domain, outcome: outcome.kind, recipients: count, code, status, remoteMta, bytes: message.contentBytes, seconds };
    if (outcome.kind === "delivered") to.log.info("queue-attempt", fields);
    else to.log.warn("queue-attempt", fields);
  }
}
