/** Octets that message syntax is made of, and the search for line ends. LF and CRLF end a line; a CR alone does not. */

export const TAB = 9;
export const LF = 10;
export const CR = 13;
export const SPACE = 32;
export const DASH = 45;
export const COLON = 58;

/** Short lines are quicker to walk than to search: a call into the runtime costs about as much as 64 steps. */
const WALK = 64;

/** Where the line that holds `at` ends: behind its LF, or `end` when there is none. */
export function lineEndAfter(content: Buffer, at: number, end: number): number {
  const walkEnd = at + WALK < end ? at + WALK : end;
  for (let i = at; i < walkEnd; i++) if (content[i] === LF) return i + 1;
  if (walkEnd === end) return end;
  const lf = content.indexOf(LF, walkEnd);
  return lf < 0 || lf >= end ? end : lf + 1;
}

/** Where the line end in front of `at` starts; `at` itself when there is none. */
export function beforeLineEnd(content: Buffer, at: number, from: number): number {
  if (at <= from || content[at - 1] !== LF) return at;
  return at - 1 > from && content[at - 2] === CR ? at - 2 : at - 1;
}

/** Octets of the empty line at `at`, 0 when the line is not empty. */
export function emptyLineAt(content: Buffer, at: number, end: number): number {
  if (content[at] === LF && at < end) return 1;
  return content[at] === CR && at + 1 < end && content[at + 1] === LF ? 2 : 0;
}

/** Text without blanks at either end. String.trim would also take NBSP, which is half of a character in raw octets. */
export function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return start === 0 && end === text.length ? text : text.slice(start, end);
}

export function isBlank(code: number): boolean {
  return code === SPACE || code === TAB || code === CR || code === LF;
}
