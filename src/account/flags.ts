/**
 * Flags of a message (RFC 9051 section 2.3.2) as two 32-bit words: five system flags, then the mailbox's keywords in
 * the order in which they were first used. A mailbox holds at most KEYWORDS_MAX of them.
 */
export const FLAG = { answered: 1, flagged: 2, deleted: 4, seen: 8, draft: 16 } as const;
export const SYSTEM_FLAGS: readonly (readonly [name: string, bit: number])[] = [
  ["\\Answered", FLAG.answered],
  ["\\Flagged", FLAG.flagged],
  ["\\Deleted", FLAG.deleted],
  ["\\Seen", FLAG.seen],
  ["\\Draft", FLAG.draft],
];
const SYSTEM_BITS = 5;
export const KEYWORDS_MAX = 64 - SYSTEM_BITS;

/** Two words, because JavaScript's bits are 32. */
export interface FlagWords {
  readonly low: number;
  readonly high: number;
}
export const NO_FLAGS: FlagWords = { low: 0, high: 0 };

/** Flags by name: system bits and keywords as they are written. */
export interface FlagSet {
  /** Bits of FLAG. */
  readonly system: number;
  readonly keywords: readonly string[];
}

/** The words with only this keyword's bit. */
export function keywordWords(index: number): FlagWords {
  const bit = index + SYSTEM_BITS;
  return bit < 32 ? { low: (1 << bit) >>> 0, high: 0 } : { low: 0, high: (1 << (bit - 32)) >>> 0 };
}

/** Keywords are compared without regard to case (RFC 9051 section 2.3.2), and keep the case of their first use. */
export function keywordIndex(keywords: readonly string[], name: string): number {
  const wanted = name.toLowerCase();
  return keywords.findIndex((keyword) => keyword.toLowerCase() === wanted);
}

export function hasFlag(words: FlagWords, other: FlagWords): boolean {
  return ((words.low & other.low) | (words.high & other.high)) !== 0;
}

/** The names of the flags that are set, system flags first. */
export function flagNames(words: FlagWords, keywords: readonly string[]): string[] {
  const names: string[] = [];
  for (const [name, bit] of SYSTEM_FLAGS) if ((words.low & bit) !== 0) names.push(name);
  for (let i = 0; i < keywords.length; i++) if (hasFlag(words, keywordWords(i))) names.push(keywords[i]!);
  return names;
}

/** A flag's name as FlagSet part: unknown backslash flags (and \Recent) are not ours to set. */
export function flagSetOf(names: readonly string[]): FlagSet {
  let system = 0;
  const keywords: string[] = [];
  for (const name of names) {
    if (name.startsWith("\\")) system |= SYSTEM_FLAGS.find(([known]) => known.toLowerCase() === name.toLowerCase())?.[1] ?? 0;
    else if (keywordIndex(keywords, name) < 0) keywords.push(name);
  }
  return { system, keywords };
}
