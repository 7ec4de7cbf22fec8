/** What a response says about a name and a type: the records at the end of its aliases, their absence, or an alias to ask about next. */
import type { RecordOf, RecordType } from "../port/resolver.ts";
import { ALIASES_MAX, NEGATIVE_TTL_SECONDS_MAX, TTL_SECONDS_MAX } from "./limits.ts";
import { RCODE } from "./message.ts";
import type { Response } from "./message.ts";
import { TYPE_NUMBER, TYPE_SOA, readData, readSoaMinimum } from "./record.ts";

export type Finding<T> =
  /** `ttl` in seconds: the least of the records and of the aliases that led there. */
  | { readonly kind: "records"; readonly records: readonly [T, ...T[]]; readonly ttl: number }
  /** `ttl` 0 where the response has no SOA: then its absence is not to be kept (RFC 2308 section 5). */
  | { readonly kind: "void"; readonly because: "nxdomain" | "nodata"; readonly ttl: number }
  /** The response ends at an alias. */
  | { readonly kind: "alias"; readonly target: string; readonly ttl: number }
  | { readonly kind: "failure"; readonly because: "servfail" | "malformed" };

/** `name` in lower case without the last dot. The caller has checked that the response answers this question. */
export function findAnswer<T extends RecordType>(response: Response, name: string, type: T): Finding<RecordOf[T]> {
  if (response.rcode !== RCODE.NOERROR && response.rcode !== RCODE.NXDOMAIN) return { kind: "failure", because: "servfail" };
  let at = name;
  let ttl = TTL_SECONDS_MAX;
  for (let aliases = 0; ; aliases++) {
    const found = recordsAt(response, at, type);
    if (found === null) return { kind: "failure", because: "malformed" };
    const [first, ...rest] = found.records;
    ttl = Math.min(ttl, found.ttl);
    if (first !== undefined) return { kind: "records", records: [first, ...rest], ttl };
    const alias = type === "CNAME" ? undefined : response.answers.find((record) => record.type === TYPE_NUMBER.CNAME && record.name === at);
    if (alias === undefined) return absent(response, at === name ? null : at, ttl);
    const target = readData.CNAME(response.message, alias.start, alias.end);
    if (target === null) return { kind: "failure", because: "malformed" };
    // A longer chain, or one that bites its tail.
    if (aliases >= ALIASES_MAX) return { kind: "failure", because: "servfail" };
    ttl = Math.min(ttl, alias.ttl);
    at = target;
  }
}

function recordsAt<T extends RecordType>(response: Response, name: string, type: T): { records: RecordOf[T][]; ttl: number } | null {
  const records: RecordOf[T][] = [];
  let ttl = TTL_SECONDS_MAX;
  for (const record of response.answers) {
    if (record.type !== TYPE_NUMBER[type] || record.name !== name) continue;
    const data = readData[type](response.message, record.start, record.end);
    if (data === null) return null;
    records.push(data);
    ttl = Math.min(ttl, record.ttl);
  }
  return { records, ttl };
}

/** `alias`: where the aliases ended, null when there was none. */
function absent(response: Response, alias: string | null, ttl: number): Finding<never> {
  const soa = response.authority.find((record) => record.type === TYPE_SOA);
  const because = response.rcode === RCODE.NXDOMAIN ? "nxdomain" : "nodata";
  // Without a SOA a chain that ends nowhere is an answer cut short, not a name without records.
  if (alias !== null && because === "nodata" && soa === undefined) return { kind: "alias", target: alias, ttl };
  if (soa === undefined) return { kind: "void", because, ttl: 0 };
  const minimum = readSoaMinimum(response.message, soa.start, soa.end);
  if (minimum === null) return { kind: "failure", because: "malformed" };
  return { kind: "void", because, ttl: Math.min(ttl, soa.ttl, minimum, NEGATIVE_TTL_SECONDS_MAX) };
}
