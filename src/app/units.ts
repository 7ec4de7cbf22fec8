/** Durations, sizes and places as people write them in the settings. */

const DURATION_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** kB, MB, GB are thousands; KiB, MiB, GiB are 1024s (IEC 80000-13). */
const SIZE_BYTES: Readonly<Record<string, number>> = {
  B: 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40,
};

/** "500ms", "30s", "5m", "4h", "5d" in milliseconds; null where it is none of these. */
export function parseDuration(text: string): number | null {
  return parseQuantity(text, DURATION_MS);
}

/** "32MB", "1GiB", "1000B" in octets; null where it is none of these. */
export function parseSize(text: string): number | null {
  return parseQuantity(text, SIZE_BYTES);
}

function parseQuantity(text: string, units: Readonly<Record<string, number>>): number | null {
  const [, digits, unit] = /^([0-9]{1,15}) ?([A-Za-z]+)$/.exec(text) ?? [];
  if (digits === undefined || unit === undefined || !Object.hasOwn(units, unit)) return null;
  const value = Number(digits) * units[unit]!;
  return Number.isSafeInteger(value) ? value : null;
}

/** The largest unit that gives a whole number, as `parseSize` reads it. */
export function writeSize(bytes: number): string {
  const [unit, factor] = Object.entries(SIZE_BYTES).sort(([, a], [, b]) => b - a).find(([, size]) => bytes >= size && bytes % size === 0) ?? ["B", 1];
  return `${bytes / factor}${unit}`;
}

export interface HostPort {
  /** A name or an address; IPv6 without its brackets. */
  readonly host: string;
  readonly port: number;
}

/** "127.0.0.1:2525", "[::1]:25", "mx.example.test:25"; null where it is none of these. */
export function parseHostPort(text: string): HostPort | null {
  const [, bracketed, plain, digits] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:[\]]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || !(port <= 65535)) return null;
  return { host, port };
}

export function writeHostPort({ host, port }: HostPort): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
