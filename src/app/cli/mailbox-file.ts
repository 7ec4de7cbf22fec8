/** What mail looks like outside: one mailbox with its messages, whatever the files. */
import { FLAG } from "../../account/flags.ts";

export interface FileMessage {
  /** Lines ended by LF, as files of mail have them. */
  readonly content: Buffer;
  /** Bits of FLAG. */
  readonly system: number;
  readonly keywords: readonly string[];
  /** Milliseconds since the epoch; null where the files do not say. */
  readonly internalDate: number | null;
}

export interface MailboxFiles {
  readonly mailbox: string;
  /** The messages, one after the other; a file that cannot be read is an Error, and the rest follows. */
  messages(): AsyncGenerator<FileMessage | Error>;
}

/** Letters that stand for system flags in Maildir names, in their order there. */
export const MAILDIR_LETTERS: readonly (readonly [letter: string, bit: number])[] = [
  ["D", FLAG.draft], ["F", FLAG.flagged], ["R", FLAG.answered], ["S", FLAG.seen], ["T", FLAG.deleted],
];

const CR = 13;
const LF = 10;

/** Every CRLF becomes LF; the same buffer where there is none. */
export function toLf(content: Buffer): Buffer {
  if (!content.includes("\r\n")) return content;
  const out = Buffer.allocUnsafe(content.length);
  let length = 0;
  for (let i = 0; i < content.length; i++) {
    if (content[i] === CR && content[i + 1] === LF) continue;
    out[length++] = content[i]!;
  }
  return out.subarray(0, length);
}
