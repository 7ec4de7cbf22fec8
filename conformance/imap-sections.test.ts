/** What imaptest (Dovecot's test suite) expects of FETCH BODY[...], BINARY[...] and BODY, read as data. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { FetchItem } from "../src/imap/command.ts";
import { CommandReader } from "../src/imap/command-reader.ts";
import { parseCommand } from "../src/imap/parse-command.ts";
import { ResponseWriter } from "../src/imap/response-writer.ts";
import { binaryOctets, partialOctets, sectionOctets, writeBinaryName, writeSectionName } from "../src/imap/section.ts";
import { assertBody, assertEnvelope, readValue } from "../src/imap/structure.contract.ts";
import { writeBodyStructure } from "../src/imap/write-body-structure.ts";
import { writeEnvelope } from "../src/imap/write-envelope.ts";
import { parseMessage } from "../src/message/message.ts";

const ROOT = join(process.env.TAYORI_CONFORMANCE ?? join(import.meta.dirname, "../../shared/conformance"), "imaptest");
const crlf = (text: string): Buffer => Buffer.from(text.replaceAll("\n", "\r\n"), "utf8");

interface Expectation {
  readonly line: string;
  readonly number: number;
  /** What follows the sequence number, with the named literals left in. */
  readonly response: string;
  readonly negative: boolean;
}
/** `ok fetch ...` and the `* n fetch (...)` below it; lines within {{{ }}} belong to their response. */
function expectationsOf(script: string): Expectation[] {
  const found: Expectation[] = [];
  let line = "";
  for (const entry of script.replace(/^#.*\n/gm, "").matchAll(/^(ok|\*|!) ((?:[^{\n]|\{\{\{\n[\s\S]*?\}\}\})*)$/gm)) {
    const [, mark, text] = entry;
    if (mark === "ok") line = text!;
    const response = /^(\d+) fetch ([\s\S]*)$/i.exec(text!);
    if (mark !== "ok" && response !== null) found.push({ line, number: Number(response[1]), response: response[2]!, negative: mark === "!" });
  }
  return found;
}

function itemsOf(line: string): readonly FetchItem[] {
  const reader = new CommandReader();
  reader.push(Buffer.from(`a ${line}\r\n`));
  const event = reader.next();
  assert.ok(event.kind === "command");
  const answer = parseCommand(event.raw, { utf8: true });
  assert.ok(answer.kind === "parsed" && answer.command.kind === "fetch", line);
  return answer.command.items;
}

/** The name and octets of an item that this test can answer, null for others (FLAGS and the like). */
function answerOf(content: Buffer, item: FetchItem): { name: string; octets: Buffer } | null {
  const message = parseMessage(content);
  const name = (write: (writer: ResponseWriter) => unknown): string => {
    const writer = new ResponseWriter();
    write(writer);
    return writer.take().toString("latin1").toLowerCase();
  };
  switch (item.kind) {
    case "section": {
      const octets = sectionOctets(content, message, item.section);
      assert.ok(octets !== null, "the part exists");
      return { name: name((writer) => writeSectionName(writer, item.section, item.partial)), octets: partialOctets(octets, item.partial) };
    }
    case "binary": case "binary.size": {
      const answer = binaryOctets(content, message, item.part);
      assert.ok(answer.kind === "octets", "the part exists");
      const size = item.kind === "binary.size";
      return { name: name((writer) => writeBinaryName(writer, { part: item.part, size, partial: null })), octets: size ? Buffer.from(String(answer.octets.length)) : answer.octets };
    }
    case "rfc822.text": case "rfc822.header":
      return { name: item.kind, octets: sectionOctets(content, message, { part: [], text: { kind: item.kind === "rfc822.text" ? "text" : "header" } })! };
    case "body":
      return { name: "body", octets: writeBodyStructure(content, message, false) };
    default:
      return null;
  }
}

/** The value the script gives for an item: a literal between braces, a quoted string, a number or a list; null for a variable. */
function valueOf(response: string, name: string): { octets: Buffer; loose: boolean } | null {
  const at = response.toLowerCase().indexOf(`${name} `);
  if (at < 0) return null;
  const rest = response.slice(at + name.length + 1);
  const literal = /^(~?)\{\{\{\n([\s\S]*?)\n?\}\}\}/.exec(rest);
  if (literal !== null) return { octets: crlf(literal[2]!), loose: literal[1] === "~" };
  const quoted = /^"([^"]*)"/.exec(rest);
  if (quoted !== null) return { octets: Buffer.from(quoted[1]!), loose: false };
  if (rest.startsWith("$")) return null;
  return { octets: Buffer.from(/^\d+/.exec(rest)?.[0] ?? rest.replace(/\)$/, "")), loose: false };
}

describe("imaptest", { skip: existsSync(ROOT) ? false : "no conformance data here" }, () => {
  // How many comparisons each script has at least. Where a script cuts line ends in half it writes `~`, and line ends do not count.
  const scripts = ["fetch-body", "fetch-body-mime", "fetch-body-message-rfc822", "fetch-body-message-rfc822-x2", "fetch-binary-mime", "fetch-bodystructure"] as const;
  const counts: Record<(typeof scripts)[number], number> = { "fetch-body": 18, "fetch-body-mime": 14, "fetch-body-message-rfc822": 8, "fetch-body-message-rfc822-x2": 8, "fetch-binary-mime": 10, "fetch-bodystructure": 1 };
  for (const script of scripts) {
    test(script, () => {
      const messages = readFileSync(`${ROOT}/${script}.mbox`, "utf8").split(/^From .*\n/m).slice(1).map(crlf);
      let compared = 0;
      for (const { line, number, response, negative } of expectationsOf(readFileSync(`${ROOT}/${script}`, "utf8"))) {
        for (const item of itemsOf(line)) {
          const answer = answerOf(messages[number - 1]!, item);
          const expected = answer === null ? null : valueOf(response, answer.name);
          if (answer === null || expected === null) continue;
          compared++;
          const shown = (octets: Buffer): string => {
            const text = octets.toString("latin1");
            return expected.loose ? text.replaceAll(/[\r\n]/g, "") : item.kind === "body" ? text.toLowerCase() : text;
          };
          if (negative) assert.notEqual(shown(answer.octets), shown(expected.octets), line);
          else assert.equal(shown(answer.octets), shown(expected.octets), line);
        }
      }
      assert.ok(compared >= counts[script], `only ${compared} compared`);
    });
  }
});

describe("foreign mail", { skip: existsSync(join(ROOT, "..")) ? false : "no conformance data here" }, () => {
  test("has legal envelopes and structures", () => {
    const folders = readdirSync(join(ROOT, "..")).filter((name) => /^(?:mime-.*|mail-parser|bounces-.*)$/.test(name));
    const files = folders.flatMap((folder) => readdirSync(join(ROOT, "..", folder), { recursive: true, encoding: "utf8" }).map((path) => join(ROOT, "..", folder, path))).filter((path) => /\.(?:eml|msg|txt|raw)$/.test(path));
    assert.ok(files.length > 500, `${files.length} files`);
    for (const path of files) {
      const content = readFileSync(path);
      const message = parseMessage(content);
      try {
        assertEnvelope(readValue(writeEnvelope(content, message)));
        for (const extended of [true, false]) assertBody(readValue(writeBodyStructure(content, message, extended)), extended);
      } catch (error) {
        assert.fail(`${path}: ${String(error)}`);
      }
    }
  });
});
