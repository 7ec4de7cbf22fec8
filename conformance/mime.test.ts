/** Foreign mail, run as it is: every file parses quickly, its parts lie inside each other, and postal-mime sees the same parts. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { test } from "node:test";
import PostalMime from "postal-mime";
import { envelopeOf } from "../src/message/envelope.ts";
import { decodeEncodedWords } from "../src/message/encoded-word.ts";
import { parseMessage } from "../src/message/message.ts";
import type { MessagePart } from "../src/message/part.ts";
import { assertTree } from "../src/message/part.contract.ts";
import { fileNameOf, textOfHtml, textOfPart } from "../src/message/text.ts";

const ROOT = process.env.TAYORI_CONFORMANCE ?? join(import.meta.dirname, "../../shared/conformance");
const FOLDERS = /^(?:mime-.*|mail-parser|bounces-.*)$/;
const MAIL = /\.(?:eml|msg|txt|raw)$/;
const NOT_MAIL = /(?:NOTICE|README|LICENSE)\.txt$|attachments\//;
const PARSE_MS_MAX = 100;

/** Where the two parsers differ, and why ours stays as it is. An entry that no longer differs fails too. */
const DEVIATIONS: ReadonlyMap<string, string> = new Map([
  ["mail-parser/eml/malformed/017.eml", "the semicolon before the boundary is missing; we read the parameter all the same"],
  ["mime-enmime/testdata/parts/ctype-invalid-characters.raw", '"text/plain>" is text/plain to us, and a type of its own to postal-mime'],
]);

function mailFiles(): string[] {
  if (!existsSync(ROOT)) return [];
  const folders = readdirSync(ROOT).filter((name) => FOLDERS.test(name));
  return folders
    .flatMap((folder) => readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" }).map((path) => join(ROOT, folder, path)))
    .filter((path) => MAIL.test(path) && !NOT_MAIL.test(path))
    .sort();
}

function leaves(part: MessagePart): MessagePart[] {
  if (part.message !== null) return leaves(part.message);
  return part.kind === "multipart" ? part.children.flatMap(leaves) : [part];
}

const files = mailFiles();
const skip = files.length === 0 ? `no mail under ${ROOT}` : false;

test("every message parses in time, and its parts lie inside each other", { skip }, () => {
  for (const path of files) {
    const content = readFileSync(path);
    const before = performance.now();
    const part = parseMessage(content);
    const envelope = envelopeOf(content, part);
    const took = performance.now() - before;
    assert.ok(took < PARSE_MS_MAX, `${path}: ${took} ms`);
    assertTree(content, part);
    decodeEncodedWords(envelope.subject ?? "");
    for (const leaf of leaves(part)) {
      textOfHtml(textOfPart(content, leaf));
      fileNameOf(leaf);
    }
  }
});

/**
 * What both count: parts that are read, and all others; a message inside counts as one, a multipart without parts as none. Empty
 * texts are left out, since postal-mime shows some of them as a line end and some as nothing. Null when both see the same.
 */
async function differenceOf(content: Buffer): Promise<string | null> {
  const found = topLeaves(parseMessage(content));
  const texts = found.filter((leaf) => leaf.kind === "leaf" && isReadable(leaf));
  const mail = await PostalMime.parse(content, { forceRfc822Attachments: true });
  const differences: string[] = [];
  const attachments = found.length - texts.length;
  if (attachments !== mail.attachments.length) differences.push(`attachments ${attachments}, postal-mime ${mail.attachments.length}`);
  for (const [subtype, theirs] of [["plain", mail.text], ["html", mail.html]] as const) {
    const ours = texts.filter((leaf) => leaf.contentType.subtype === subtype);
    const shown = ours.some((leaf) => leaf.octets > 0);
    if ((shown && !theirs) || (ours.length === 0 && theirs)) differences.push(`${subtype} ${shown}, postal-mime ${!shown}`);
  }
  return differences.length === 0 ? null : differences.join("; ");
}

function topLeaves(part: MessagePart): MessagePart[] {
  if (part.kind === "multipart") return part.children.flatMap(topLeaves);
  return part.contentType.type === "multipart" ? [] : [part];
}

function isReadable(leaf: MessagePart): boolean {
  const { type, subtype } = leaf.contentType;
  return type === "text" && (subtype === "plain" || subtype === "html") && leaf.disposition?.type !== "attachment";
}

test("postal-mime counts the same attachments, and finds text and HTML in the same messages", { skip }, async () => {
  const differing: string[] = [];
  for (const path of files) {
    const name = relative(ROOT, path);
    const difference = await differenceOf(readFileSync(path));
    if ((difference !== null) !== DEVIATIONS.has(name)) differing.push(`${name}: ${difference ?? "no difference any more"}`);
  }
  assert.deepEqual(differing, []);
});
