/** The keys of a journal under its prefix ("a/<account>/", "q/<shard>/"). */

/** Zero-padded, so that byte order is numeric order. */
const SEQ_DIGITS = 12;

export function entryKey(prefix: string, seq: number): string {
  return `${prefix}j/${seq.toString().padStart(SEQ_DIGITS, "0")}`;
}
export function seqOfEntryKey(prefix: string, key: string): number | null {
  const digits = key.slice(prefix.length + 2);
  return key.startsWith(`${prefix}j/`) && /^\d{12,15}$/.test(digits) ? Number(digits) : null;
}
/** `name` carries its kind: "c/…" a part of a snapshot, "b/…" a large body, "p/…" a pack of small ones, "s/…" a snapshot's root. */
export function objectKey(prefix: string, name: string): string {
  return prefix + name;
}
export function headKey(prefix: string): string {
  return `${prefix}head`;
}
/** The time an object was named, from its name; null for other keys. */
export function timeOfObjectName(name: string): number | null {
  const match = /^[cbps]\/([0-9a-z]{9})-/.exec(name);
  return match === null ? null : parseInt(match[1]!, 36);
}
