/** The messages of the public test data beside the repository (`../shared/conformance`, or TAYORI_CONFORMANCE). */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { REPOSITORY } from "./server.ts";

export const CONFORMANCE = process.env["TAYORI_CONFORMANCE"] ?? join(REPOSITORY, "../shared/conformance");
/** Set, and which of its files are messages. */
const SETS: readonly (readonly [set: string, files: RegExp])[] = [
  ["mime-cpython", /\/msg_\d+\.txt$/], ["mime-emailmime", /\/(mail-\d+|qp-\w+)$/], ["mime-enmime", /\.raw$/], ["mime-mikel", /\.eml$/], ["mime-mimetools", /\.msg$/],
  ["mail-parser", /\.eml$|\/maildir\/.*S=\d+/], ["bounces-bounceparser", /\.msg$/], ["bounces-sisimai", /\.eml$/],
];

export interface CorpusMessage {
  readonly name: string;
  readonly content: Buffer;
}

export function corpus(): CorpusMessage[] {
  if (!existsSync(CONFORMANCE)) throw new Error(`${CONFORMANCE} is not there; set TAYORI_CONFORMANCE`);
  return SETS.flatMap(([set, files]) => {
    const found = readdirSync(join(CONFORMANCE, set), { recursive: true, encoding: "utf8" }).map((path) => join(CONFORMANCE, set, path))
      .filter((path) => files.test(path) && statSync(path).isFile()).sort();
    if (found.length === 0) throw new Error(`no message in ${set}`);
    return found.map((path) => ({ name: relative(CONFORMANCE, path), content: readFileSync(path) })).filter(({ content }) => content.length > 0);
  });
}

/** The content with every line end as CR LF, as it goes over SMTP. */
export function withCrlf(content: Buffer): Buffer {
  return Buffer.from(content.toString("latin1").replaceAll(/\r\n|\r|\n/g, "\r\n"), "latin1");
}
/** RFC 5321 section 4.5.3.1.6: at most 998 octets and CR LF in a line; no NUL. */
export function legalForData(content: Buffer): boolean {
  return !content.includes(0) && content.toString("latin1").split("\r\n").every((line) => line.length <= 998);
}
