/** IP addresses as octets and as text: IPv4 dotted, IPv6 as RFC 5952 section 4 writes it. */

/** Text of 4 or 16 octets. An IPv4-mapped address (::ffff:0:0/96) is given as IPv4 only when `unmap` is set. */
export function writeIpAddress(bytes: Uint8Array, unmap = false): string {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0));
  const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (mapped) {
    const dotted = writeIpAddress(bytes.subarray(12, 16));
    return unmap ? dotted : `::ffff:${dotted}`;
  }
  const gap = longestZeros(groups);
  if (gap === null) return groups.map((group) => group.toString(16)).join(":");
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(":");
  return `${hex(groups.slice(0, gap.start))}::${hex(groups.slice(gap.end))}`;
}

/** RFC 5952 section 4.2: the longest run of at least two zero groups, the first of equals. */
function longestZeros(groups: readonly number[]): { start: number; end: number } | null {
  let best: { start: number; end: number } | null = null;
  for (let i = 0; i < groups.length; i++) {
    if (groups[i] !== 0) continue;
    let end = i;
    while (groups[end] === 0) end++;
    if (end - i >= 2 && (best === null || end - i > best.end - best.start)) best = { start: i, end };
    i = end;
  }
  return best;
}

/** The 4 or 16 octets of an address as text (RFC 4291 section 2.2, with a dotted end too); null for anything else. No zone, no leading zeros in IPv4. */
export function parseIpAddress(text: string): Uint8Array | null {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

function parseIpv4(text: string): Uint8Array | null {
  const out = new Uint8Array(4);
  let at = 0;
  let value = -1;
  if (text.length > 15) return null;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 46) {
      if (value < 0 || at === 3) return null;
      out[at++] = value;
      value = -1;
      continue;
    }
    if (code < 48 || code > 57 || value === 0) return null;
    value = value < 0 ? code - 48 : value * 10 + code - 48;
    if (value > 255) return null;
  }
  if (value < 0 || at !== 3) return null;
  out[3] = value;
  return out;
}

function parseIpv6(text: string): Uint8Array | null {
  if (text.length > 45) return null;
  const out = new Uint8Array(16);
  const gap = text.indexOf("::");
  if (gap < 0) return ipv6Groups(text, out, 0) === 16 ? out : null;
  const front = gap === 0 ? 0 : ipv6Groups(text.slice(0, gap), out, 0, false);
  if (front < 0 || front > 14) return null;
  if (gap + 2 === text.length) return out;
  const back = new Uint8Array(16);
  const length = ipv6Groups(text.slice(gap + 2), back, 0);
  if (length < 0 || front + length > 14) return null;
  out.set(back.subarray(0, length), 16 - length);
  return out;
}

/** Writes the groups of `text` into `out`; the index behind the last octet, -1 when there is anything but groups. */
function ipv6Groups(text: string, out: Uint8Array, start: number, mayEndDotted = true): number {
  let at = start;
  const groups = text.split(":");
  for (const [index, group] of groups.entries()) {
    if (mayEndDotted && index === groups.length - 1 && group.includes(".")) {
      const dotted = parseIpv4(group);
      if (dotted === null || at > 12) return -1;
      out.set(dotted, at);
      return at + 4;
    }
    if (at > 14 || !/^[0-9a-f]{1,4}$/i.test(group)) return -1;
    const value = parseInt(group, 16);
    out[at++] = value >>> 8;
    out[at++] = value & 0xff;
  }
  return at;
}

/** An IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2) as the IPv4 address that it is; any other as it is. */
export function unmapIpAddress(bytes: Uint8Array): Uint8Array {
  if (bytes.length !== 16 || bytes[10] !== 0xff || bytes[11] !== 0xff) return bytes;
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return bytes;
  return bytes.subarray(12);
}

/** Whether two addresses of one family agree in their first `bits` bits. */
export function samePrefix(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  if (a.length !== b.length) return false;
  const whole = bits >>> 3;
  for (let i = 0; i < whole; i++) if (a[i] !== b[i]) return false;
  const rest = bits & 7;
  return rest === 0 || (((a[whole] ?? 0) ^ (b[whole] ?? 0)) & (0xff00 >>> rest)) === 0;
}

/** The labels of an address for names below a zone, last octet (IPv4) or nibble (IPv6) first: "7.2.0.192", "1.0…8.b.d.0.1.0.0.2". */
export function reversedLabels(bytes: Uint8Array): string {
  const labels: string[] = [];
  for (let i = bytes.length - 1; i >= 0; i--) {
    const octet = bytes[i] ?? 0;
    if (bytes.length === 4) labels.push(String(octet));
    else labels.push((octet & 15).toString(16), (octet >>> 4).toString(16));
  }
  return labels.join(".");
}

/** Where the names of an address are kept (RFC 1035 section 3.5, RFC 3596 section 2.5). */
export function reverseName(bytes: Uint8Array): string {
  return `${reversedLabels(bytes)}.${bytes.length === 4 ? "in-addr" : "ip6"}.arpa`;
}
