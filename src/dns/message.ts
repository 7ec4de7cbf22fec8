/** DNS messages (RFC 1035 section 4): writing one question, reading the response. EDNS(0) is RFC 6891, the AD and CD bits RFC 4035 and RFC 6840. */
import { RECORDS_MAX, UDP_PAYLOAD_BYTES } from "./limits.ts";
import { readName } from "./name.ts";
import { TYPE_OPT } from "./record.ts";

export const RCODE = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
const CLASS_IN = 1;
const HEADER_BYTES = 12;

export interface Query {
  readonly id: number;
  /** As `writeName` gives it; the case of its letters is the caller's. */
  readonly name: Buffer;
  readonly type: number;
  /** Whether to send an OPT record, with DO set. */
  readonly edns: boolean;
  /** CD: asks a validating server for what it could not validate. */
  readonly checkingDisabled: boolean;
}
export interface RawRecord {
  readonly name: string;
  readonly type: number;
  /** Seconds. */
  readonly ttl: number;
  /** The data's octets in the message. */
  readonly start: number;
  readonly end: number;
}
export interface Response {
  readonly kind: "response";
  readonly message: Buffer;
  readonly id: number;
  readonly truncated: boolean;
  readonly authenticData: boolean;
  /** With the upper bits from EDNS. */
  readonly rcode: number;
  /** The octets of the question section; empty when there is none. */
  readonly question: Buffer;
  /** Records of class IN. Empty when truncated: the rest is asked for over TCP. */
  readonly answers: readonly RawRecord[];
  readonly authority: readonly RawRecord[];
}
export type ResponseAnswer = Response | { readonly kind: "malformed"; readonly detail: string };

/** The message, and what the response's question section must repeat. */
export function writeQuery(query: Query): { readonly message: Buffer; readonly question: Buffer } {
  const question = Buffer.concat([query.name, Buffer.from([query.type >> 8, query.type & 255, 0, CLASS_IN])]);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(query.id, 0);
  // RD; AD says that we understand AD in the response (RFC 6840 section 5.7).
  header.writeUInt16BE(0x0100 | 0x0020 | (query.checkingDisabled ? 0x0010 : 0), 2);
  header.writeUInt16BE(1, 4);
  if (!query.edns) return { message: Buffer.concat([header, question]), question };
  header.writeUInt16BE(1, 10);
  const opt = Buffer.from([0, 0, TYPE_OPT, UDP_PAYLOAD_BYTES >> 8, UDP_PAYLOAD_BYTES & 255, 0, 0, 0x80, 0, 0, 0]);
  return { message: Buffer.concat([header, question, opt]), question };
}

/** Reads a response from any octets. Data of records is not looked at here; see `readData`. */
export function parseResponse(message: Buffer): ResponseAnswer {
  if (message.length < HEADER_BYTES) return malformed("shorter than a header");
  const flags = message.readUInt16BE(2);
  if ((flags & 0x8000) === 0) return malformed("not a response");
  if ((flags & 0x7800) !== 0) return malformed("not a query's response");
  const counts = { question: message.readUInt16BE(4), answer: message.readUInt16BE(6), authority: message.readUInt16BE(8), additional: message.readUInt16BE(10) };
  if (counts.question > 1) return malformed("several questions");
  if (counts.answer + counts.authority + counts.additional > RECORDS_MAX) return malformed("too many records");
  let questionEnd = HEADER_BYTES;
  if (counts.question === 1) {
    const name = readName(message, HEADER_BYTES);
    if (name === null || name.next + 4 > message.length) return malformed("question");
    questionEnd = name.next + 4;
  }
  const truncated = (flags & 0x0200) !== 0;
  const head = {
    kind: "response", message, id: message.readUInt16BE(0), truncated, authenticData: (flags & 0x0020) !== 0,
    question: message.subarray(HEADER_BYTES, questionEnd),
  } as const;
  // What was cut off may end in the middle of a record.
  if (truncated) return { ...head, rcode: flags & 15, answers: [], authority: [] };
  const answers = readSection(message, questionEnd, counts.answer);
  const authority = answers === null ? null : readSection(message, answers.next, counts.authority);
  const additional = authority === null ? null : readSection(message, authority.next, counts.additional);
  if (answers === null || authority === null || additional === null) return malformed("record");
  if (additional.options.length > 1) return malformed("several OPT records");
  const extended = (additional.options[0]?.ttl ?? 0) >>> 24;
  return { ...head, rcode: (extended << 4) | (flags & 15), answers: answers.records, authority: authority.records };
}

interface Section {
  readonly records: readonly RawRecord[];
  readonly options: readonly RawRecord[];
  readonly next: number;
}
function readSection(message: Buffer, start: number, count: number): Section | null {
  const records: RawRecord[] = [];
  const options: RawRecord[] = [];
  let at = start;
  for (let i = 0; i < count; i++) {
    const name = readName(message, at);
    if (name === null || name.next + 10 > message.length) return null;
    const type = message.readUInt16BE(name.next);
    const dataStart = name.next + 10;
    const end = dataStart + message.readUInt16BE(name.next + 8);
    if (end > message.length) return null;
    const raw = message.readUInt32BE(name.next + 4);
    if (type === TYPE_OPT) options.push({ name: name.name, type, ttl: raw, start: dataStart, end });
    // RFC 2181 section 8: a TTL with the highest bit set is zero.
    else if (message.readUInt16BE(name.next + 2) === CLASS_IN) records.push({ name: name.name, type, ttl: raw > 0x7fffffff ? 0 : raw, start: dataStart, end });
    at = end;
  }
  return { records, options, next: at };
}

function malformed(detail: string): ResponseAnswer {
  return { kind: "malformed", detail };
}
