import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { CommandReader } from "./command-reader.ts";
import type { RawCommand, ReaderEvent } from "./command-reader.ts";
import { ARGUMENT_LITERAL_BYTES_MAX, LINE_BYTES_MAX, LITERALS_MAX, RESPONSE_LINE_BYTES_MAX } from "./limits.ts";

const plain = (raw: RawCommand) => ({ text: raw.text.toString("latin1"), literals: raw.literals.map(({ at, octets }) => [at, octets.toString("latin1")]) });
type Seen = { readonly kind: string; readonly [key: string]: unknown };

/** Everything that comes out when the octets arrive cut into these chunks; every literal asked about is accepted unless told otherwise. */
function drive(input: Buffer, options: { readonly cut?: (rest: number) => number; readonly refuse?: boolean; readonly messageBytesMax?: number } = {}): Seen[] {
  const reader = new CommandReader(options.messageBytesMax === undefined ? {} : { messageBytesMax: options.messageBytesMax });
  const seen: Seen[] = [];
  for (let at = 0; at < input.length; ) {
    const length = Math.max(1, options.cut?.(input.length - at) ?? input.length);
    reader.push(Buffer.from(input.subarray(at, at + length)));
    at += length;
    for (let event: ReaderEvent = reader.next(); event.kind !== "need-more"; event = reader.next()) {
      if (event.kind === "command") seen.push({ kind: "command", ...plain(event.raw) });
      else if (event.kind === "continue") {
        seen.push({ ...event, soFar: plain(event.soFar) });
        if (options.refuse === true) reader.refuseLiteral();
        else reader.acceptLiteral();
      } else {
        seen.push({ ...event });
        if (event.kind === "bad") return seen;
      }
    }
  }
  return seen;
}
const commands = (text: string, options = {}): Seen[] => drive(Buffer.from(text, "latin1"), options);
const command = (text: string, literals: readonly (readonly [number, string])[] = []): Seen => ({ kind: "command", text, literals: literals.map((l) => [...l]) });

describe("RFC 9051 section 2.2.1, lines", () => {
  test("pipelined commands come one by one", () => assert.deepEqual(commands("a NOOP\r\nb NOOP\r\nc NO"), [command("a NOOP"), command("b NOOP")]));
  test("a bare LF ends a line too", () => assert.deepEqual(commands("a NOOP\nb NOOP\r\n"), [command("a NOOP"), command("b NOOP")]));
  test("a line at the limit is taken, one octet more is not", () => {
    const line = (bytes: number): string => `a ${"x".repeat(bytes - 4)}\r\n`;
    assert.equal(commands(line(LINE_BYTES_MAX))[0]!.kind, "command");
    assert.deepEqual(commands(`${line(LINE_BYTES_MAX + 1)}b NOOP\r\n`), [
      { kind: "too-long", tag: "a", response: "BAD", detail: "The command line is too long" }, command("b NOOP"),
    ]);
  });
  test("after a line too long its literals are no commands", () => {
    assert.deepEqual(commands(`a ${"x".repeat(LINE_BYTES_MAX)} {8+}\r\nb NOOP\r\n {3+}\r\nxyz\r\nc NOOP\r\n`).slice(1), [command("c NOOP")]);
  });
});

describe("RFC 9051 section 4.3, literals", () => {
  test("a synchronizing one waits for the server", () => {
    const seen = commands("a LOGIN {4}\r\nfred {6}\r\nsecret\r\n");
    assert.deepEqual(seen.map(({ kind }) => kind), ["continue", "continue", "command"]);
    assert.deepEqual(seen[2], command("a LOGIN {4}\r\n {6}\r\n", [[13, "fred"], [19, "secret"]]));
    assert.equal(seen[0]!.literalBytes, 4);
    assert.equal(seen[0]!.message, false);
  });
  test("RFC 7888: an unasked one does not", () => {
    assert.deepEqual(commands("a LOGIN {4+}\r\nfred {0+}\r\n\r\n"), [command("a LOGIN {4+}\r\n {0+}\r\n", [[14, "fred"], [21, ""]])]);
  });
  test("CR, LF and marker within a literal mean nothing", () => {
    assert.deepEqual(commands("a LOGIN {8+}\r\nx {3+}\r\n y\r\n"), [command("a LOGIN {8+}\r\n y", [[14, "x {3+}\r\n"]])]);
  });
  test("an APPEND tells message from name, and where it goes", () => {
    const seen = commands("a APPEND {5}\r\nINBOX (\\Seen) ~{3}\r\na\0b\r\n");
    assert.deepEqual(seen.map(({ kind, message }) => [kind, message]), [["continue", false], ["continue", true], ["command", undefined]]);
  });
  test("a refused literal ends the command", () => {
    assert.deepEqual(commands("a APPEND INBOX {5}\r\nb NOOP\r\n", { refuse: true }).slice(1), [command("b NOOP")]);
  });
  test("a message over the limit is refused before it is sent", () => {
    const seen = commands("a APPEND x {11}\r\nb NOOP\r\n", { messageBytesMax: 10 });
    assert.deepEqual(seen, [{ kind: "too-long", tag: "a", response: "NO", detail: "The message is too big" }, command("b NOOP")]);
    assert.equal(commands("a APPEND x {10}\r\n", { messageBytesMax: 10 })[0]!.kind, "continue");
  });
  test("RFC 7888 section 4: an unasked message over the limit is skipped with the rest of its command", () => {
    const seen = commands("a APPEND x {11+}\r\nz NOOP\r\n012 {3+}\r\n\r\n\r\r\nb NOOP\r\n", { messageBytesMax: 10 });
    assert.deepEqual(seen, [{ kind: "too-long", tag: "a", response: "BAD", detail: "The message is too big" }, command("b NOOP")]);
  });
  test("an argument has its own limit", () => {
    assert.equal(commands(`a LOGIN {${ARGUMENT_LITERAL_BYTES_MAX}}\r\n`)[0]!.kind, "continue");
    assert.deepEqual(commands(`a LOGIN {${ARGUMENT_LITERAL_BYTES_MAX + 1}}\r\n`), [{ kind: "too-long", tag: "a", response: "BAD", detail: "The literal is too big" }]);
  });
  test("so do all arguments and all messages of a command together", () => {
    const big = `{65536+}\r\n${"x".repeat(65536)}`;
    assert.equal(commands(`a SEARCH ${[big, big, big, big].join(" ")}\r\n`).at(-1)!.kind, "command");
    assert.equal(commands(`a SEARCH ${[big, big, big, big, "{1+}\r\nx"].join(" ")}\r\n`)[0]!.kind, "too-long");
    assert.equal(commands("a APPEND x {10+}\r\n0123456789 {10+}\r\n0123456789\r\n", { messageBytesMax: 10 })[0]!.kind, "command");
    assert.equal(commands("a APPEND x {10+}\r\n0123456789 {10+}\r\n0123456789 {1+}\r\nx\r\n", { messageBytesMax: 10 })[0]!.kind, "too-long");
  });
  test("only so many literals", () => {
    const many = (count: number): string => `a X ${Array.from({ length: count }, () => "{1+}\r\nx").join(" ")}\r\n`;
    assert.equal(commands(many(LITERALS_MAX))[0]!.kind, "command");
    assert.deepEqual(commands(`${many(LITERALS_MAX + 1)}b NOOP\r\n`), [{ kind: "too-long", tag: "a", response: "BAD", detail: "The command has too many literals" }, command("b NOOP")]);
  });
  test("an unasked size beyond all limits ends the conversation", () => {
    assert.deepEqual(commands("a APPEND x {9999999999999999+}\r\n"), [{ kind: "bad", tag: "a", detail: "The size of the literal is beyond all limits" }]);
    assert.equal(commands("a APPEND x {9999999999999999}\r\n")[0]!.kind, "too-long");
  });
  test("a message is one Buffer of its own, filled once", () => {
    const reader = new CommandReader();
    reader.push(Buffer.from("a APPEND x {300000+}\r\n"));
    for (let i = 0; i < 300; i++) {
      assert.equal(reader.next().kind, "need-more");
      reader.push(Buffer.alloc(1000, 65 + (i % 26)));
      assert.ok(reader.bytesWaiting <= 1000);
    }
    reader.push(Buffer.from("\r\n"));
    const event = reader.next();
    assert.ok(event.kind === "command");
    const { octets } = event.raw.literals[0]!;
    assert.equal(octets.length, 300_000);
    assert.equal(octets.buffer.byteLength, 300_000);
    assert.equal(octets[299_999], 65 + (299 % 26));
  });
});

describe("lines by themselves", () => {
  test("come without their end, between commands", () => {
    const reader = new CommandReader();
    reader.push(Buffer.from("a IDLE\r\nDONE\r\nb NO"));
    assert.equal(reader.next().kind, "command");
    const line = reader.nextLine();
    assert.ok(line.kind === "line" && line.octets.toString() === "DONE");
    assert.equal(reader.nextLine().kind, "need-more");
    reader.push(Buffer.from("OP\r\n"));
    assert.equal(reader.next().kind, "command");
  });
  test("have a limit, and what follows is read again", () => {
    const reader = new CommandReader();
    reader.push(Buffer.from(`${"x".repeat(RESPONSE_LINE_BYTES_MAX + 1)}`));
    assert.equal(reader.nextLine().kind, "too-long");
    reader.push(Buffer.from("x {5+}\r\nb NOOP\r\n"));
    const event = reader.next();
    assert.ok(event.kind === "command" && event.raw.text.toString() === "b NOOP");
  });
  test("RFC 9051 section 6.2.1: what came before TLS is thrown away", () => {
    const reader = new CommandReader();
    reader.push(Buffer.from("a STARTTLS\r\nb LOGIN x y\r\n"));
    assert.equal(reader.next().kind, "command");
    assert.equal(reader.discardAll(), 13);
    assert.equal(reader.next().kind, "need-more");
  });
});

describe("properties", () => {
  const piece = fc.oneof(
    fc.constantFrom("a NOOP\r\n", "\r\n", "\n", " ", "b APPEND x ", "c LOGIN ", "{3+}\r\n", "{3}\r\n", "~{2+}\r\n", "{99999+}\r\n", "{99999}\r\n", "{0+}\r\n", "{", "}", "+}", '"', "\\", "(\\Seen)"),
    fc.string({ maxLength: 6 }), fc.constant("x".repeat(40_000)),
  );
  const input = fc.array(piece, { maxLength: 30 }).map((pieces) => Buffer.from(pieces.join(""), "latin1"));
  test("chunks change nothing", () => {
    fc.assert(fc.property(input, fc.array(fc.oneof(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 50_000 })), { minLength: 1, maxLength: 40 }), fc.boolean(), (input, cuts, refuse) => {
      let i = 0;
      const options = { refuse, messageBytesMax: 50_000 };
      assert.deepEqual(drive(input, { ...options, cut: () => cuts[i++ % cuts.length]! + (i > 2000 ? 5000 : 0) }), drive(input, options));
    }), { numRuns: 200 });
  });
  test("octet by octet is the same, and not slow", () => {
    const text = Buffer.from(`a SEARCH ${"x".repeat(60_000)}\r\nb LOGIN {5+}\r\nabcde {3}\r\nxyz\r\n${"y".repeat(70_000)} {4+}\r\n1234\r\nc NOOP\r\n`);
    assert.deepEqual(drive(text, { cut: () => 1 }), drive(text));
  });
});
