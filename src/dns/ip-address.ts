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
