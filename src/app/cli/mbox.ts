/**
 * mbox (RFC 4155) in the variant mboxrd: `>` before every line that begins with any number of `>` and `From `, so that nothing is lost.
 * Flags are in Status, X-Status and X-Keywords fields, as other programs write them; they are taken out again on the way in,
 * so a message that came with such fields of its own loses them here. A Maildir keeps them.
 */
import { FLAG } from "../../account/flags.ts";
import type { FileMessage } from "./mailbox-file.ts";

/** A message larger than this is not one. */
const MESSAGE_BYTES_MAX = 256 * 1024 * 1024;
const FROM_LINE = /^>*From /;
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const STATUS_FIELD = /^(?:status|x-status|x-keywords):/i;

/** One message with its From_ line in front and the empty line behind. */
export function writeMboxMessage({ content, system, keywords, internalDate }: FileMessage): Buffer {
  const text = content.toString("latin1");
  const end = endOfHeader(text);
  const headerLines = text.slice(0, end).split("\n");
  const own = statusLines(headerLines);
  const fields = headerLines.filter((_, i) => !own[i]).join("\n");
  const status = [`Status: ${(system & FLAG.seen) !== 0 ? "R" : ""}O`];
  const more = ([["A", FLAG.answered], ["F", FLAG.flagged], ["T", FLAG.draft], ["D", FLAG.deleted]] as const).filter(([, bit]) => (system & bit) !== 0).map(([letter]) => letter).join("");
  if (more !== "") status.push(`X-Status: ${more}`);
  if (keywords.length > 0) status.push(`X-Keywords: ${Buffer.from(keywords.join(" "), "utf8").toString("latin1")}`);
  const header = fields === "" ? "" : fields.endsWith("\n") ? fields : `${fields}\n`;
  const whole = `${header}${status.join("\n")}\n${text.slice(end)}`.replace(/^(>*From )/gm, ">$1");
  return Buffer.from(`From MAILER-DAEMON ${writeFromDate(internalDate ?? 0)}\n${whole}${whole.endsWith("\n") ? "" : "\n"}\n`, "latin1");
}

/** Reads chunks of a file. What stands before the first From_ line is an Error. */
export async function* parseMbox(chunks: AsyncIterable<Buffer>): AsyncGenerator<FileMessage | Error> {
  let lines: string[] | null = null;
  let bytes = 0;
  let from = "";
  let afterEmpty = true;
  // A file from another system may have CRLF; then a CR at the end of a line is not the message's.
  let crlf = false;
  for await (const raw of linesOf(chunks)) {
    if (afterEmpty && raw.startsWith("From ")) crlf = raw.endsWith("\r");
    const line = crlf && raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    if (afterEmpty && line.startsWith("From ")) {
      if (lines !== null) yield parseMboxMessage(from, lines);
      [lines, from, bytes] = [[], line, 0];
    } else if (lines !== null) {
      bytes += line.length + 1;
      if (bytes > MESSAGE_BYTES_MAX) {
        yield new Error(`a message is larger than ${MESSAGE_BYTES_MAX} octets`);
        lines = null;
        continue;
      }
      lines.push(FROM_LINE.test(line) && line.startsWith(">") ? line.slice(1) : line);
    } else if (line !== "" && from === "") {
      yield new Error("the file does not begin with a From_ line: it is no mbox");
      return;
    }
    afterEmpty = line === "";
  }
  if (lines !== null) yield parseMboxMessage(from, lines);
}

function parseMboxMessage(from: string, lines: readonly string[]): FileMessage {
  // The empty line before the next From_ line belongs to the file.
  const own = lines.at(-1) === "" ? lines.slice(0, -1) : lines;
  const headerLines = own.indexOf("") < 0 ? own.length : own.indexOf("");
  let system = 0;
  const keywords: string[] = [];
  const ours = statusLines(own.slice(0, headerLines));
  let name = "";
  const kept = own.filter((line, i) => {
    if (ours[i] !== true) return true;
    const colon = /^[ \t]/.test(line) ? -1 : line.indexOf(":");
    if (colon >= 0) name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1);
    if (name === "x-keywords") keywords.push(...Buffer.from(value, "latin1").toString("utf8").split(/[\s,]+/).filter((word) => word !== ""));
    else system |= statusBits(name, value);
    return false;
  });
  return { content: Buffer.from(kept.map((line) => `${line}\n`).join(""), "latin1"), system, keywords, internalDate: parseFromDate(from) };
}

function statusBits(name: string, value: string): number {
  const letters: Readonly<Record<string, number>> = name === "status" ? { R: FLAG.seen } : { A: FLAG.answered, F: FLAG.flagged, T: FLAG.draft, D: FLAG.deleted };
  return [...value].reduce((bits, letter) => bits | (letters[letter] ?? 0), 0);
}

/** Which header lines are a Status field, or go on with one. */
function statusLines(lines: readonly string[]): boolean[] {
  let inStatus = false;
  return lines.map((line) => {
    if (!/^[ \t]/.test(line)) inStatus = STATUS_FIELD.test(line);
    return inStatus;
  });
}

function endOfHeader(text: string): number {
  if (text.startsWith("\n")) return 0;
  const at = text.indexOf("\n\n");
  return at < 0 ? text.length : at + 1;
}

async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of chunks) {
    const lines = chunk.toString("latin1").split("\n");
    lines[0] = rest + lines[0]!;
    rest = lines.pop()!;
    if (rest.length > MESSAGE_BYTES_MAX) throw new Error(`a line is longer than ${MESSAGE_BYTES_MAX} octets`);
    yield* lines;
  }
  if (rest !== "") yield rest;
}

/** "Tue Nov 24 11:09:00 2026", in UTC. */
function writeFromDate(ms: number): string {
  const date = new Date(ms);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${DAYS[date.getUTCDay()]} ${MONTHS[date.getUTCMonth()]} ${String(date.getUTCDate()).padStart(2)} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} ${date.getUTCFullYear()}`;
}

function parseFromDate(line: string): number | null {
  const [, month, day, hour, minute, second, year] = / (?:Sun|Mon|Tue|Wed|Thu|Fri|Sat) ([A-Z][a-z]{2}) +([0-9]{1,2}) ([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?(?: [A-Z+\-0-9]+)? ([0-9]{4})/.exec(line) ?? [];
  const at = MONTHS.indexOf(month ?? "");
  if (at < 0) return null;
  const ms = Date.UTC(Number(year), at, Number(day), Number(hour), Number(minute), Number(second ?? "0"));
  return ms > 0 ? ms : null;
}
