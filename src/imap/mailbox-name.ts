/** Mailbox names (RFC 9051 section 5.1) and the patterns of LIST and LSUB (section 6.3.9). */
import { MAILBOX_NAME_BYTES_MAX } from "./limits.ts";

export const DELIMITER = "/";
/** Stands before a name of 7-bit text that is not modified UTF-7: no mailbox is called so and none can be, but the command is understood. */
export const NO_NAME = "\u0000";

/** NFC, and INBOX in capitals wherever it is the first level, since that name alone ignores case. */
export function canonicalMailboxName(name: string): string {
  const normal = name.normalize("NFC");
  return hasInbox(normal) ? `INBOX${normal.slice(5)}` : normal;
}
function hasInbox(name: string): boolean {
  return (name.length === 5 || name.charAt(5) === DELIMITER) && name.slice(0, 5).toUpperCase() === "INBOX";
}

/**
 * Why a mailbox may not be created under this canonical name, or null. A trailing delimiter is the caller's to take off
 * (RFC 9051 section 6.3.4 allows it in CREATE).
 */
export function mailboxNameProblem(name: string): string | null {
  if (name === "") return "The name is empty";
  if (name.startsWith(NO_NAME)) return "The name is not modified UTF-7";
  if (!name.isWellFormed()) return "The name is not Unicode text";
  if (Buffer.byteLength(name, "utf8") > MAILBOX_NAME_BYTES_MAX) return "The name is too long";
  // RFC 9051 section 5.1: no control characters, no line or paragraph separator; wildcards could not be listed.
  if (/[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff]/.test(name)) return "The name has control characters";
  if (/[*%]/.test(name)) return "The name has a wildcard";
  if (name.startsWith("#")) return "Names with # in front belong to namespaces";
  for (const level of name.split(DELIMITER)) {
    if (level === "") return "A level of the name is empty";
    // They would be confusing in exports to file systems.
    if (level === "." || level === "..") return "A level of the name is . or ..";
  }
  return null;
}

/**
 * Whether a canonical name matches a pattern: `*` is any characters, `%` any but the delimiter, anything else itself.
 * All ways to match are followed at once, so the cost is at most length times wildcards, never exponential.
 */
export function compilePattern(pattern: string): (name: string) => boolean {
  const normal = canonicalMailboxName(pattern).replace(/[*%]*\*[*%]*/g, "*").replace(/%+/g, "%");
  if (normal === "*") return () => true;
  if (normal === "%") return (name) => !name.includes(DELIMITER);
  if (!/[*%]/.test(normal)) return (name) => name === normal;
  // Inside of INBOX, where it is the first level, case counts for nothing: `inb*` finds it.
  const folded = normal.toUpperCase();
  const wildcardAt = normal.search(/[*%]/);
  return (name) => {
    const foldedLength = hasInbox(name) ? 5 : 0;
    for (let at = 0; at < Math.min(wildcardAt, name.length); at++) if (!same(normal, folded, at, name, at, foldedLength)) return false;
    return walk(normal, folded, name, foldedLength);
  };
}

function same(normal: string, folded: string, at: number, name: string, nameAt: number, foldedLength: number): boolean {
  return normal.charCodeAt(at) === name.charCodeAt(nameAt) || (nameAt < foldedLength && folded.charCodeAt(at) === name.charCodeAt(nameAt));
}

function walk(normal: string, folded: string, name: string, foldedLength: number): boolean {
  // Positions of the pattern that the name so far leads to, ascending and each once.
  let here: number[] = [];
  const add = (to: number[], at: number): void => {
    for (;;) {
      if (to.length > 0 && to.at(-1)! >= at) return;
      to.push(at);
      const c = normal.charAt(at);
      if (c !== "*" && c !== "%") return;
      // A wildcard may stand for nothing.
      at++;
    }
  };
  add(here, 0);
  for (let i = 0; i < name.length && here.length > 0; i++) {
    const next: number[] = [];
    for (const at of here) {
      const c = normal.charAt(at);
      if (c === "*" || (c === "%" && name.charAt(i) !== DELIMITER)) add(next, at);
      else if (c !== "%" && at < normal.length && same(normal, folded, at, name, i, foldedLength)) add(next, at + 1);
    }
    here = next;
  }
  return here.at(-1) === normal.length;
}
