import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { CommandReader } from "./command-reader.ts";
import { parseCommand } from "./parse-command.ts";
import type { ParseAnswer } from "./parse-command.ts";
import { ResponseWriter } from "./response-writer.ts";
import { writeSectionName } from "./section.ts";
import { writeSequenceSet } from "./sequence-set.ts";

/** All answers to a stream of octets cut as told; every asked literal is accepted. */
function answers(input: Buffer, cuts: readonly number[], utf8 = false): (ParseAnswer | string)[] {
  const reader = new CommandReader({ messageBytesMax: 1000 });
  const seen: (ParseAnswer | string)[] = [];
  for (let at = 0, i = 0; at < input.length; i++) {
    const length = cuts[i % cuts.length]!;
    reader.push(Buffer.from(input.subarray(at, at + length)));
    at += length;
    for (let event = reader.next(); event.kind !== "need-more"; event = reader.next()) {
      if (event.kind === "command") seen.push(parseCommand(event.raw, { utf8 }));
      else if (event.kind === "continue") reader.acceptLiteral();
      else seen.push(`${event.kind} ${event.detail}`);
      if (event.kind === "bad") return seen;
    }
  }
  return seen;
}
function answerTo(wire: Buffer, utf8 = true): ParseAnswer {
  const [answer] = answers(wire, [wire.length], utf8);
  assert.ok(answer !== undefined && typeof answer !== "string", wire.toString());
  return answer;
}

const word = fc.constantFrom(
  "LOGIN", "UID", "FETCH", "STORE", "SEARCH", "LIST", "APPEND", "SELECT", "STATUS", "AUTHENTICATE", "ID", "COPY", "CREATE", "ENABLE", "RETURN", "CHARSET", "UTF-8", "OR", "NOT", "TEXT", "SINCE", "1-Feb-1994",
  "BODY[", "HEADER.FIELDS", "]", "<0.5>", "BODY.PEEK[1.2.TEXT]", "BINARY[1]", "FLAGS", "+FLAGS.SILENT", "(\\Seen)", "\\", "1:*", "$", "2,4:7", "inbox", '"a b"', '"', "\\\"", "{3+}\r\nabc", "~{2+}\r\n\0\0", "{3}\r\nxyz", "(", ")", "()",
  "CHANGEDSINCE", "QRESYNC", "99999999999999999999999", "USE", "\r\n", "\r\na ", "&ZeVnLIqe-", "&", "*", "%", "é", "\0", "MODSEQ", "NIL", "=", "HEADER",
);
const line = fc.array(fc.oneof({ weight: 8, arbitrary: word }, fc.string({ unit: "binary", maxLength: 4 })), { maxLength: 14 }).chain((words) => fc.constantFrom(" ", " ", " ", "").map((gap) => `a ${words.join(gap)}\r\n`));
const stream = fc.oneof(fc.array(line, { minLength: 1, maxLength: 5 }).map((lines) => Buffer.from(lines.join(""))), fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)));
const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 10 });

describe("any octets", () => {
  test("in any chunks give the same answers and never throw", () => {
    fc.assert(fc.property(stream, cuts, fc.boolean(), (stream, cuts, utf8) => {
      const whole = answers(stream, [Math.max(1, stream.length)], utf8);
      assert.deepEqual(answers(stream, cuts, utf8), whole);
      for (const answer of whole) if (typeof answer !== "string" && answer.kind === "bad") assert.match(answer.text, /^[\x20-\x7e]{1,200}$/);
    }), { numRuns: 3000 });
  });
});

/** Text that may stand in a literal and is UTF-8. */
const text = fc.string({ unit: "binary" }).filter((text) => text.isWellFormed() && !text.includes("\0"));
/** A client's literal is written like a server's, with a plus. */
const asClient = (wire: Buffer): Buffer => Buffer.from(wire.toString("latin1").replace(/\{(\d+)\}\r\n/, "{$1+}\r\n"), "latin1");

describe("parse(write(x)) is x", () => {
  test("for strings", () => {
    fc.assert(fc.property(text, fc.boolean(), (text, utf8) => {
      const wire = Buffer.concat([Buffer.from("a LOGIN x "), asClient(new ResponseWriter({ utf8 }).astring(text).take()), Buffer.from("\r\n")]);
      const answer = answerTo(wire);
      assert.ok(answer.kind === "parsed" && answer.command.kind === "login", wire.toString());
      assert.equal(answer.command.password, text);
    }), { numRuns: 1000 });
  });
  test("for mailbox names", () => {
    fc.assert(fc.property(text, fc.boolean(), (text, utf8) => {
      const wire = Buffer.concat([Buffer.from("a DELETE "), asClient(new ResponseWriter({ utf8 }).mailbox(`x${text.normalize("NFC")}`.normalize("NFC")).take()), Buffer.from("\r\n")]);
      const answer = answerTo(wire, utf8);
      assert.ok(answer.kind === "parsed" && answer.command.kind === "delete", wire.toString());
      assert.equal(answer.command.mailbox, `x${text.normalize("NFC")}`.normalize("NFC"));
    }), { numRuns: 1000 });
  });
  const name = fc.string({ unit: fc.constantFrom("a", "-", "Z", "(", "]", '"', "\\", "%"), minLength: 1, maxLength: 6 });
  const section = fc.record({
    part: fc.array(fc.integer({ min: 1, max: 4_294_967_295 }), { maxLength: 4 }),
    text: fc.oneof(
      fc.constantFrom({ kind: "whole" } as const, { kind: "header" } as const, { kind: "text" } as const),
      fc.record({ kind: fc.constant("header.fields" as const), not: fc.boolean(), names: fc.array(name, { minLength: 1, maxLength: 4 }) }, { noNullPrototype: true }),
    ),
  }, { noNullPrototype: true });
  test("for sections", () => {
    fc.assert(fc.property(section, (section) => {
      const wire = Buffer.concat([Buffer.from("a FETCH 1 "), writeSectionName(new ResponseWriter(), section, null).take(), Buffer.from("\r\n")]);
      const answer = answerTo(wire);
      assert.ok(answer.kind === "parsed" && answer.command.kind === "fetch", wire.toString());
      assert.deepEqual(answer.command.items, [{ kind: "section", peek: false, section, partial: null }]);
    }));
  });
  test("for sets", () => {
    const number = fc.integer({ min: 0, max: 4_294_967_295 });
    fc.assert(fc.property(fc.array(fc.record({ first: number, last: number }, { noNullPrototype: true }), { minLength: 1, maxLength: 20 }), (ranges) => {
      const answer = answerTo(Buffer.from(`a UID EXPUNGE ${writeSequenceSet({ kind: "ranges", ranges })}\r\n`));
      assert.ok(answer.kind === "parsed" && answer.command.kind === "expunge");
      assert.deepEqual(answer.command.uids, { kind: "ranges", ranges });
    }));
  });
});
