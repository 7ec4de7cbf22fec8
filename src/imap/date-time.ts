/** `date-time` and `date` (RFC 9051 section 9). */
import type { ResponseWriter } from "./response-writer.ts";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;
const DAY_MS = 86_400_000;

/** `dd-Mon-yyyy hh:mm:ss +zzzz`, without its quotes, to milliseconds since the epoch. Null when it is none. A first digit of the day may be a space. */
export function parseDateTime(text: string): number | null {
  const found = /^([ 0-3]\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/.exec(text);
  if (found === null) return null;
  const [, day, month, year, hour, minute, second, sign, zoneHours, zoneMinutes] = found;
  const days = dayOf(Number(year), month!, Number(day));
  // A leap second is taken as the second before it, for no clock of ours knows it.
  if (days === null || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60 || Number(zoneMinutes) > 59) return null;
  const zone = (Number(zoneHours) * 60 + Number(zoneMinutes)) * (sign === "-" ? -1 : 1);
  return days * DAY_MS + (Number(hour) * 60 + Number(minute) - zone) * 60_000 + Math.min(59, Number(second)) * 1000;
}

/** `d-Mon-yyyy`, as SEARCH has it, to whole days since 1970-01-01. Null when it is none. */
export function parseDate(text: string): number | null {
  const found = /^(\d{1,2})-([A-Za-z]{3})-(\d{4})$/.exec(text);
  return found === null ? null : dayOf(Number(found[3]), found[2]!, Number(found[1]));
}

function dayOf(year: number, monthName: string, day: number): number | null {
  const month = MONTHS.findIndex((name) => name.toLowerCase() === monthName.toLowerCase());
  if (month < 0) return null;
  const date = new Date(0);
  date.setUTCFullYear(year, month, day);
  return date.getUTCMonth() === month && date.getUTCDate() === day ? date.getTime() / DAY_MS : null;
}

/** `"17-Jul-1996 02:44:25 +0000"` with its quotes, always in UTC. Years outside 0 to 9999 are written as the nearest. */
export function writeDateTime(writer: ResponseWriter, ms: number): ResponseWriter {
  const days = Math.floor(ms / DAY_MS);
  const seconds = Math.floor((ms - days * DAY_MS) / 1000);
  const { year, month, day } = civil(days);
  writer.byte(0x22);
  two(writer, day).byte(0x2d).ascii(MONTHS[month]!).byte(0x2d);
  const written = Math.min(9999, Math.max(0, year));
  two(two(writer, Math.floor(written / 100)), written % 100).byte(0x20);
  two(writer, Math.floor(seconds / 3600)).byte(0x3a);
  two(writer, Math.floor(seconds / 60) % 60).byte(0x3a);
  return two(writer, seconds % 60).ascii(' +0000"');
}

function two(writer: ResponseWriter, value: number): ResponseWriter {
  return writer.byte(0x30 + Math.floor(value / 10)).byte(0x30 + (value % 10));
}

/** The Gregorian date of a day since 1970-01-01; `month` from 0. Reckoned from 1 March, so that the leap day comes last. */
function civil(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor((dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = (fromMarch + 2) % 12;
  return { year: yearOfEra + era * 400 + (month < 2 ? 1 : 0), month, day: dayOfYear - Math.floor((153 * fromMarch + 2) / 5) + 1 };
}
