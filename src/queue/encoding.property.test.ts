import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseAddress, type Address } from "../address/address.ts";
import { BinaryReader, BinaryWriter, BrokenRecord } from "../base/binary.ts";
import { decodeOperation, encodeOperation } from "./encoding.ts";
import type { AttemptReply, Notify, QueuedMessage, QueuedRecipient } from "./queued-message.ts";
import type { QueueOperation, RecipientResult } from "./state.ts";

const text = fc.string({ unit: "grapheme", maxLength: 40 });
const time = fc.integer({ min: 0, max: 4_000_000_000_000 });
const maybe = fc.option(text, { nil: null });
const address: fc.Arbitrary<Address> = fc.constantFrom("a@example.test", '"a b"@example.test', "山田@xn--wgv71a.test", "a@[192.0.2.1]").map((written) => parseAddress(written)!);
const reply: fc.Arbitrary<AttemptReply> = fc.record({ code: fc.constantFrom(null, 250, 451, 550), status: fc.constantFrom("2.0.0", "4.4.1", "5.1.10"), text, remoteMta: maybe });
const notify: fc.Arbitrary<Notify> = fc.oneof(fc.constantFrom(null, "never" as const), fc.subarray(["success", "failure", "delay"] as const));
const status = fc.constantFrom("pending" as const, "delivered" as const, "failed" as const);
const report = fc.constantFrom(null, "failed" as const, "delayed" as const, "relayed" as const);
const recipient: fc.Arbitrary<QueuedRecipient> = fc.record({
  address, notify, originalRecipient: maybe, status, attempts: fc.nat(1000), nextAttemptAt: time,
  lastAttemptAt: fc.option(time, { nil: null }), lastReply: fc.option(reply, { nil: null }), delayNotified: fc.boolean(), report,
});
const message: fc.Arbitrary<QueuedMessage> = fc.record({
  id: text,
  envelope: fc.record({
    reversePath: fc.oneof(fc.constant({ kind: "null" as const }), address.map((found) => ({ kind: "address" as const, address: found }))),
    ret: fc.constantFrom(null, "full" as const, "headers" as const), envelopeId: maybe,
    bodyType: fc.constantFrom("7bit" as const, "8bitmime" as const, "binarymime" as const), smtpUtf8: fc.boolean(),
  }),
  recipients: fc.array(recipient, { maxLength: 5 }), arrivedAt: time, expiresAt: time, contentBytes: fc.nat(), held: maybe,
  content: fc.oneof(fc.record({ kind: fc.constant("inline" as const), seq: fc.nat(), offset: fc.nat(), length: fc.nat() }), fc.record({ kind: fc.constant("object" as const), name: text })),
});
const result: fc.Arbitrary<RecipientResult> = fc.record({ index: fc.nat(100), status, nextAttemptAt: time, reply, report });
const operation: fc.Arbitrary<QueueOperation> = fc.oneof(
  message.map((found) => ({ kind: "enqueue" as const, message: found })),
  fc.record({ kind: fc.constant("attempted" as const), id: text, at: time, results: fc.array(result, { maxLength: 5 }) }),
  fc.record({ kind: fc.constant("reported" as const), id: text, indexes: fc.array(fc.nat(100), { maxLength: 5 }) }),
  fc.record({ kind: fc.constant("hold" as const), id: text, reason: text }),
  fc.record({ kind: fc.constantFrom("release" as const, "retry" as const), id: text, at: time }),
  fc.record({ kind: fc.constant("remove" as const), id: text }),
  fc.record({ kind: fc.constant("lease" as const), lease: fc.record({ holder: text, epoch: fc.nat(), until: time }) }),
  fc.record({ kind: fc.constant("lease-ended" as const), epoch: fc.nat() }),
);
/** Records of fast-check have no prototype; plain copies compare with what is decoded. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test("an operation is read as it was written", () => {
  fc.assert(fc.property(fc.array(operation, { maxLength: 4 }), (operations) => {
    const writer = new BinaryWriter();
    for (const each of operations) encodeOperation(writer, each);
    const reader = new BinaryReader(writer.finish());
    assert.deepEqual(plain(operations.map(() => decodeOperation(reader))), plain(operations));
    assert.equal(reader.atEnd, true);
  }));
});

test("any octets are an operation or a broken record", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
    try {
      decodeOperation(new BinaryReader(octets));
    } catch (error) {
      assert.ok(error instanceof BrokenRecord, String(error));
    }
  }), { numRuns: 2000 });
});
