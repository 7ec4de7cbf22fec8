/** Dates of header fields (RFC 5322 section 3.3, obsolete forms of section 4.3). */
import { skipComments } from "./parameters.ts";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"] as const;
/** RFC 5322 section 4.3. The military letters were defined with the wrong sign, so they say nothing; so do all other words. */
const ZONES: ReadonlyMap<string, number> = new Map([
  ["UT", 0], ["GMT", 0], ["UTC", 0], ["EDT", -240], ["EST", -300], ["CDT", -300], ["CST", -360], ["MDT", -360], ["MST", -420], ["PDT", -420], ["PST", -480], ["JST", 540],
]);
const DATE_CHARS_MAX = 256;
const MINUTE_MS = 60_000;

const DAY_FIRST = /^(?:[a-z]+\s*,?\s*)?([0-9]{1,2})[\s-]+([a-z]{3})[a-z]*[.,]?[\s-]+([0-9]{2,4})[\s,]+([0-9]{1,2})\s*:\s*([0-9]{1,2})(?:\s*:\s*([0-9]{1,2}))?(.*)$/is;
/** What asctime of C writes: "Tue Nov 24 20:15:11 2026". */
const MONTH_FIRST = /^[a-z]+\s*,?\s+([a-z]{3})[a-z]*\s+([0-9]{1,2})\s+([0-9]{1,2}):([0-9]{2}):([0-9]{2})\s+(?:([a-z+][a-z0-9]*|-[0-9]{4})\s+)?([0-9]{4})(.*)$/is;

/** `ms` since the epoch, `offsetMinutes` east of UTC (0 when unknown); null when it is no date. Comments are skipped. */
export function parseDate(text: string): { readonly ms: number; readonly offsetMinutes: number } | null {
  const plain = withoutComments(text.slice(0, DATE_CHARS_MAX));
  const dayFirst = DAY_FIRST.exec(plain);
  if (dayFirst !== null) {
    const [, day, month, year, hour, minute, second, zone] = dayFirst;
    return make({ day: day!, month: month!, year: year!, hour: hour!, minute: minute!, second: second ?? "0" }, zone!);
  }
  const monthFirst = MONTH_FIRST.exec(plain);
  if (monthFirst === null) return null;
  const [, month, day, hour, minute, second, zone, year, rest] = monthFirst;
  return make({ day: day!, month: month!, year: year!, hour: hour!, minute: minute!, second: second! }, zone ?? rest!);
}

function withoutComments(text: string): string {
  if (!text.includes("(")) return text.trim();
  const pieces: string[] = [];
  for (let at = skipComments(text, 0); at < text.length; at = skipComments(text, at)) {
    const start = at;
    while (at < text.length && text[at] !== "(" && text[at] !== " ") at++;
    pieces.push(text.slice(start, at));
  }
  return pieces.join(" ");
}

type Written = Readonly<Record<"day" | "month" | "year" | "hour" | "minute" | "second", string>>;

function make(written: Written, zone: string): { readonly ms: number; readonly offsetMinutes: number } | null {
  const month = MONTHS.findIndex((name) => name.toLowerCase() === written.month.toLowerCase());
  const [day, hour, minute] = [Number(written.day), Number(written.hour), Number(written.minute)];
  // A leap second is the last second of its minute: the clocks that follow do not know it.
  const second = Math.min(Number(written.second), 59);
  if (month < 0 || hour > 23 || minute > 59 || Number(written.second) > 60) return null;
  const local = Date.UTC(fullYear(written.year), month, day, hour, minute, second);
  // "31 Feb" would become a day of March.
  if (new Date(local).getUTCDate() !== day) return null;
  const offsetMinutes = offsetOf(zone);
  return { ms: local - offsetMinutes * MINUTE_MS, offsetMinutes };
}

/** RFC 5322 section 4.3: two digits to 49 are after 2000, other short years count from 1900. */
function fullYear(text: string): number {
  const year = Number(text);
  if (text.length >= 4) return year;
  return text.length === 2 && year < 50 ? 2000 + year : 1900 + year;
}

function offsetOf(text: string): number {
  const zone = /^\s*([a-z]+)?\s*(?:([+-])([0-9]{2}):?([0-9]{2}))?/i.exec(text);
  if (zone === null) return 0;
  const [, word, sign, hours, minutes] = zone;
  if (sign === undefined || Number(minutes) > 59) return ZONES.get((word ?? "").toUpperCase()) ?? 0;
  return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}

const two = (value: number): string => String(value).padStart(2, "0");

/** "Tue, 24 Nov 2026 20:15:11 +0900". Milliseconds are cut off. */
export function writeDate(ms: number, offsetMinutes = 0): string {
  const local = new Date(ms + offsetMinutes * MINUTE_MS);
  const offset = Math.abs(offsetMinutes);
  const zone = `${offsetMinutes < 0 ? "-" : "+"}${two(Math.floor(offset / 60))}${two(offset % 60)}`;
  const day = `${DAYS[local.getUTCDay()]}, ${two(local.getUTCDate())} ${MONTHS[local.getUTCMonth()]} ${String(local.getUTCFullYear()).padStart(4, "0")}`;
  return `${day} ${two(local.getUTCHours())}:${two(local.getUTCMinutes())}:${two(local.getUTCSeconds())} ${zone}`;
}
