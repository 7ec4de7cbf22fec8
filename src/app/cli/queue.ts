/** tayori queue … : works while a server delivers from the same store. */
import { unreachable } from "../../base/assert.ts";
import { writeAddress, type ReversePath } from "../../address/address.ts";
import type { ChangeAnswer, Queue } from "../../queue/queue.ts";
import type { QueuedMessage } from "../../queue/queued-message.ts";
import type { StoreFailure } from "../../port/object-store.ts";
import { done, failed, misused, table, writeTime, type CommandResult } from "./io.ts";

const LIST_MAX = 10_000;

export async function listQueue(queue: Queue, options: { readonly limit?: string; readonly domain?: string }): Promise<CommandResult> {
  const limit = Number(options.limit ?? "100");
  if (!Number.isInteger(limit) || limit < 1 || limit > LIST_MAX) return misused(`--limit is a number from 1 to ${LIST_MAX}.`);
  const answer = await queue.list({ limit, ...(options.domain === undefined ? {} : { domain: options.domain.toLowerCase() }) });
  if (answer.kind === "failure") return storeFailed(answer);
  const data = answer.messages.map(dataOf);
  const rows = data.map((message) => [message.id, message.arrivedAt, String(message.bytes), message.state, message.nextAttemptAt ?? "-", message.sender === "" ? "<>" : message.sender, message.recipients.map((recipient) => recipient.address).join(" ")]);
  const rest = answer.total > data.length ? `\n${answer.total - data.length} more.` : "";
  return done(table(["ID", "ARRIVED", "BYTES", "STATE", "NEXT ATTEMPT", "SENDER", "RECIPIENTS"], rows) + rest, { total: answer.total, messages: data });
}

export async function showQueued(queue: Queue, id: string): Promise<CommandResult> {
  const answer = await queue.show(id);
  switch (answer.kind) {
    case "failure":
      return storeFailed(answer);
    case "absent":
      return absent(id);
    case "message": {
      const data = dataOf(answer.message);
      const lines = [`ID       ${data.id}`, `Sender   ${data.sender === "" ? "<>" : data.sender}`, `Arrived  ${data.arrivedAt}`, `Expires  ${data.expiresAt}`, `Bytes    ${data.bytes}`, `State    ${data.state}${data.held === null ? "" : `: ${data.held}`}`];
      for (const recipient of data.recipients) {
        lines.push(`${recipient.address}  ${recipient.status}, attempts: ${recipient.attempts}${recipient.nextAttemptAt === null ? "" : `, next: ${recipient.nextAttemptAt}`}`);
        if (recipient.lastReply !== null) lines.push(`  ${recipient.lastReply}`);
      }
      return done(lines.join("\n"), data);
    }
    default:
      return unreachable(answer);
  }
}

export type QueueChange = "hold" | "release" | "retry" | "remove";
const PAST = { hold: "Held", release: "Released", retry: "Due now", remove: "Removed" } satisfies Record<QueueChange, string>;

/** Every id is tried; the result is the first failure, if there is one. */
export async function changeQueued(queue: Queue, change: QueueChange, ids: readonly string[], reason: string): Promise<CommandResult> {
  let failure: CommandResult | null = null;
  const changed: string[] = [];
  for (const id of ids) {
    const answer: ChangeAnswer = change === "hold" ? await queue.hold(id, reason) : await queue[change](id);
    if (answer.kind === "done") changed.push(id);
    else failure ??= answer.kind === "absent" ? absent(id) : storeFailed(answer);
  }
  return failure ?? done(`${PAST[change]}: ${changed.join(" ")}`, { changed });
}

function dataOf(message: QueuedMessage) {
  const pending = message.recipients.filter((recipient) => recipient.status === "pending");
  const next = pending.length === 0 || message.held !== null ? null : writeTime(Math.min(...pending.map((recipient) => recipient.nextAttemptAt)));
  return {
    id: message.id,
    sender: writeReversePath(message.envelope.reversePath),
    arrivedAt: writeTime(message.arrivedAt),
    expiresAt: writeTime(message.expiresAt),
    bytes: message.contentBytes,
    state: message.held !== null ? "held" : pending.length > 0 ? "waiting" : "reporting",
    held: message.held,
    nextAttemptAt: next,
    recipients: message.recipients.map((recipient) => ({
      address: writeAddress(recipient.address),
      status: recipient.status,
      attempts: recipient.attempts,
      nextAttemptAt: recipient.status === "pending" && message.held === null ? writeTime(recipient.nextAttemptAt) : null,
      lastReply: recipient.lastReply === null ? null : [recipient.lastReply.remoteMta, recipient.lastReply.code, recipient.lastReply.status, recipient.lastReply.text].filter((part) => part !== null).join(" "),
    })),
  };
}

function writeReversePath(path: ReversePath): string {
  return path.kind === "null" ? "" : writeAddress(path.address);
}
function absent(id: string): CommandResult {
  return failed("absent", `There is no message ${id} in the queue.`);
}
function storeFailed(failure: StoreFailure): CommandResult {
  return failed(failure.because, `${failure.detail}${failure.outcome === "unknown" ? " (it may have been done)" : ""}`);
}
