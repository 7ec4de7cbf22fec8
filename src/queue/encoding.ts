/**
 * How operations and messages of the queue lie in the store. Every operation begins with its tag; a tag is never given
 * a new meaning, a new shape gets a new tag, so that a node reads what older ones wrote.
 */
import type { Address, Domain, ReversePath } from "../address/address.ts";
import { unreachable } from "../base/assert.ts";
import { BinaryReader, BinaryWriter, BrokenRecord } from "../base/binary.ts";
import { MESSAGE_RECIPIENTS_MAX } from "./limits.ts";
import type { AttemptReply, ContentPlace, Notify, QueuedEnvelope, QueuedMessage, QueuedRecipient, ReportAction } from "./queued-message.ts";
import type { QueueOperation, RecipientResult } from "./state.ts";

const TAGS = ["enqueue", "attempted", "reported", "hold", "release", "retry", "remove", "lease", "lease-ended"] as const satisfies readonly QueueOperation["kind"][];
const RETS = [null, "full", "headers"] as const satisfies readonly QueuedEnvelope["ret"][];
const BODY_TYPES = ["7bit", "8bitmime", "binarymime"] as const satisfies readonly QueuedEnvelope["bodyType"][];
const STATUSES = ["pending", "delivered", "failed"] as const satisfies readonly QueuedRecipient["status"][];
const REPORTS = [null, "failed", "delayed", "relayed"] as const satisfies readonly (ReportAction | null)[];
const NOTIFY_KEYWORDS = ["success", "failure", "delay"] as const;
const NOTIFY_ABSENT = 0x40;
const NOTIFY_NEVER = 0x80;

export function encodeOperation(writer: BinaryWriter, operation: QueueOperation): void {
  writer.byte(TAGS.indexOf(operation.kind));
  switch (operation.kind) {
    case "enqueue":
      return encodeMessage(writer, operation.message);
    case "attempted":
      writer.text(operation.id).number(operation.at).number(operation.results.length);
      for (const result of operation.results) encodeResult(writer, result);
      return;
    case "reported":
      writer.text(operation.id).number(operation.indexes.length);
      for (const index of operation.indexes) writer.number(index);
      return;
    case "hold":
      writer.text(operation.id).text(operation.reason);
      return;
    case "release":
    case "retry":
      writer.text(operation.id).number(operation.at);
      return;
    case "remove":
      writer.text(operation.id);
      return;
    case "lease":
      writer.text(operation.lease.holder).number(operation.lease.epoch).number(operation.lease.until);
      return;
    case "lease-ended":
      writer.number(operation.epoch);
      return;
    default:
      return unreachable(operation);
  }
}

/** Throws BrokenRecord for what no encoder wrote. */
export function decodeOperation(reader: BinaryReader): QueueOperation {
  const kind = oneOf(TAGS, reader.byte());
  switch (kind) {
    case "enqueue":
      return { kind, message: decodeMessage(reader) };
    case "attempted":
      return { kind, id: reader.text(), at: reader.number(), results: many(reader, decodeResult) };
    case "reported":
      return { kind, id: reader.text(), indexes: many(reader, (r) => r.number()) };
    case "hold":
      return { kind, id: reader.text(), reason: reader.text() };
    case "release":
    case "retry":
      return { kind, id: reader.text(), at: reader.number() };
    case "remove":
      return { kind, id: reader.text() };
    case "lease":
      return { kind, lease: { holder: reader.text(), epoch: reader.number(), until: reader.number() } };
    case "lease-ended":
      return { kind, epoch: reader.number() };
    default:
      return unreachable(kind);
  }
}

export function encodeMessage(writer: BinaryWriter, message: QueuedMessage): void {
  writer.text(message.id);
  const { reversePath, ret, envelopeId, bodyType, smtpUtf8 } = message.envelope;
  if (reversePath.kind === "null") writer.byte(0);
  else encodeAddress(writer.byte(1), reversePath.address);
  writer.byte(RETS.indexOf(ret)).byte(BODY_TYPES.indexOf(bodyType)).byte(smtpUtf8 ? 1 : 0);
  encodeText(writer, envelopeId);
  writer.number(message.arrivedAt).number(message.expiresAt).number(message.contentBytes);
  encodePlace(writer, message.content);
  encodeText(writer, message.held);
  writer.number(message.recipients.length);
  for (const recipient of message.recipients) encodeRecipient(writer, recipient);
}

/** Throws BrokenRecord for what no encoder wrote. */
export function decodeMessage(reader: BinaryReader): QueuedMessage {
  const id = reader.text();
  const reversePath: ReversePath = flag(reader) ? { kind: "address", address: decodeAddress(reader) } : { kind: "null" };
  const ret = oneOf(RETS, reader.byte());
  const bodyType = oneOf(BODY_TYPES, reader.byte());
  const smtpUtf8 = flag(reader);
  const envelope = { reversePath, ret, bodyType, smtpUtf8, envelopeId: decodeText(reader) };
  const [arrivedAt, expiresAt, contentBytes] = [reader.number(), reader.number(), reader.number()];
  const content = decodePlace(reader);
  const held = decodeText(reader);
  return { id, envelope, arrivedAt, expiresAt, contentBytes, content, held, recipients: many(reader, decodeRecipient) };
}

function encodePlace(writer: BinaryWriter, place: ContentPlace): void {
  if (place.kind === "inline") writer.byte(0).number(place.seq).number(place.offset).number(place.length);
  else writer.byte(1).text(place.name);
}

function decodePlace(reader: BinaryReader): ContentPlace {
  if (flag(reader)) return { kind: "object", name: reader.text() };
  return { kind: "inline", seq: reader.number(), offset: reader.number(), length: reader.number() };
}

function encodeRecipient(writer: BinaryWriter, recipient: QueuedRecipient): void {
  encodeAddress(writer, recipient.address);
  writer.byte(notifyByte(recipient.notify));
  encodeText(writer, recipient.originalRecipient);
  writer.byte(STATUSES.indexOf(recipient.status)).number(recipient.attempts).number(recipient.nextAttemptAt);
  writer.number(recipient.lastAttemptAt === null ? 0 : recipient.lastAttemptAt + 1);
  if (recipient.lastReply === null) writer.byte(0);
  else encodeReply(writer.byte(1), recipient.lastReply);
  writer.byte(recipient.delayNotified ? 1 : 0).byte(REPORTS.indexOf(recipient.report));
}

function decodeRecipient(reader: BinaryReader): QueuedRecipient {
  const address = decodeAddress(reader);
  const notify = notifyOf(reader.byte());
  const originalRecipient = decodeText(reader);
  const status = oneOf(STATUSES, reader.byte());
  const [attempts, nextAttemptAt, last] = [reader.number(), reader.number(), reader.number()];
  const lastReply = flag(reader) ? decodeReply(reader) : null;
  const delayNotified = flag(reader);
  return { address, notify, originalRecipient, status, attempts, nextAttemptAt, lastAttemptAt: last === 0 ? null : last - 1, lastReply, delayNotified, report: oneOf(REPORTS, reader.byte()) };
}

function encodeResult(writer: BinaryWriter, result: RecipientResult): void {
  writer.number(result.index).byte(STATUSES.indexOf(result.status)).number(result.nextAttemptAt).byte(REPORTS.indexOf(result.report));
  encodeReply(writer, result.reply);
}

function decodeResult(reader: BinaryReader): RecipientResult {
  return { index: reader.number(), status: oneOf(STATUSES, reader.byte()), nextAttemptAt: reader.number(), report: oneOf(REPORTS, reader.byte()), reply: decodeReply(reader) };
}

function encodeReply(writer: BinaryWriter, reply: AttemptReply): void {
  writer.number(reply.code ?? 0).text(reply.status).text(reply.text);
  encodeText(writer, reply.remoteMta);
}

function decodeReply(reader: BinaryReader): AttemptReply {
  const code = reader.number();
  return { code: code === 0 ? null : code, status: reader.text(), text: reader.text(), remoteMta: decodeText(reader) };
}

function encodeAddress(writer: BinaryWriter, address: Address): void {
  writer.text(address.localPart).text(address.domain);
}

/** The domain was checked before it was written; entries are authenticated, so it is what was written. */
function decodeAddress(reader: BinaryReader): Address {
  return { localPart: reader.text(), domain: reader.text() as Domain };
}

function encodeText(writer: BinaryWriter, text: string | null): void {
  if (text === null) writer.byte(0);
  else writer.byte(1).text(text);
}

function decodeText(reader: BinaryReader): string | null {
  return flag(reader) ? reader.text() : null;
}

function notifyByte(notify: Notify): number {
  if (notify === null) return NOTIFY_ABSENT;
  if (notify === "never") return NOTIFY_NEVER;
  return notify.reduce((bits, keyword) => bits | (1 << NOTIFY_KEYWORDS.indexOf(keyword)), 0);
}

function notifyOf(byte: number): Notify {
  if (byte === NOTIFY_ABSENT) return null;
  if (byte === NOTIFY_NEVER) return "never";
  if (byte > 7) throw new BrokenRecord(`NOTIFY ${byte} is not known`);
  return NOTIFY_KEYWORDS.filter((_, bit) => (byte & (1 << bit)) !== 0);
}

function flag(reader: BinaryReader): boolean {
  return oneOf([false, true], reader.byte());
}

function oneOf<T>(values: readonly T[], index: number): T {
  if (index >= values.length) throw new BrokenRecord(`value ${index} of ${values.length} is not known`);
  return values[index]!;
}

function many<T>(reader: BinaryReader, decode: (reader: BinaryReader) => T): T[] {
  const count = reader.number();
  if (count > MESSAGE_RECIPIENTS_MAX) throw new BrokenRecord(`${count} of at most ${MESSAGE_RECIPIENTS_MAX}`);
  return Array.from({ length: count }, () => decode(reader));
}
