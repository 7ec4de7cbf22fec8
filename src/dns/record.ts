/** Resource records: the numbers of their types and the reading of their data (RFC 1035 section 3.3, RFC 3596, RFC 6698 section 2.1). */
import type { RecordOf, RecordType } from "../port/resolver.ts";
import { writeIpAddress } from "./ip-address.ts";
import { readName } from "./name.ts";

export const TYPE_NUMBER = { A: 1, NS: 2, CNAME: 5, PTR: 12, MX: 15, TXT: 16, AAAA: 28, TLSA: 52 } as const satisfies Record<RecordType, number>;
export const TYPE_SOA = 6;
export const TYPE_OPT = 41;

/** The data of one record: octets `start` to `end` of the message that holds it. Null when they do not fit the type exactly. */
type ReadData<T> = (message: Buffer, start: number, end: number) => T | null;

export const readData: { readonly [T in RecordType]: ReadData<RecordOf[T]> } = {
  A: (message, start, end) => (end - start === 4 ? writeIpAddress(message.subarray(start, end)) : null),
  AAAA: (message, start, end) => (end - start === 16 ? writeIpAddress(message.subarray(start, end)) : null),
  NS: readOnlyName,
  CNAME: readOnlyName,
  PTR: readOnlyName,
  MX: (message, start, end) => {
    if (end - start < 3) return null;
    const exchange = readOnlyName(message, start + 2, end);
    return exchange === null ? null : { preference: message.readUInt16BE(start), exchange };
  },
  TXT: readText,
  TLSA: (message, start, end) => {
    const [usage, selector, matching] = message.subarray(start, Math.min(end, start + 3));
    if (usage === undefined || selector === undefined || matching === undefined) return null;
    // A copy: a cached record must not keep its whole message in memory.
    return { usage, selector, matching, data: Buffer.from(message.subarray(start + 3, end)) };
  },
};

/** The lesser of the record's own TTL and the minimum field is how long its absence may be kept (RFC 2308 section 5). */
export function readSoaMinimum(message: Buffer, start: number, end: number): number | null {
  const primary = readName(message, start);
  const mailbox = primary === null ? null : readName(message, primary.next);
  if (mailbox === null || mailbox.next + 20 !== end) return null;
  return message.readUInt32BE(end - 4);
}

function readOnlyName(message: Buffer, start: number, end: number): string | null {
  const read = readName(message, start);
  return read === null || read.next !== end ? null : read.name;
}

function readText(message: Buffer, start: number, end: number): string | null {
  const strings: Buffer[] = [];
  for (let at = start; at < end;) {
    const next = at + 1 + (message[at] ?? 0);
    if (next > end) return null;
    strings.push(message.subarray(at + 1, next));
    at = next;
  }
  // RFC 1035 section 3.3.14: one or more character strings.
  if (strings.length === 0) return null;
  return strings.length === 1 ? (strings[0] ?? Buffer.alloc(0)).toString("latin1") : Buffer.concat(strings).toString("latin1");
}
