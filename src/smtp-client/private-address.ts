/** Addresses that a mail host of a foreign domain cannot have: connecting there would reach ourselves or our neighbours (RFC 6890). */

const IPV4_BLOCKS: readonly (readonly [network: number, bits: number])[] = [
  [0x00000000, 8],
  [0x0a000000, 8],
  [0x64400000, 10],
  [0x7f000000, 8],
  [0xa9fe0000, 16],
  [0xac100000, 12],
  [0xc0a80000, 16],
  [0xe0000000, 3],
];

/** Whether mail records may not send us there. The address is dotted IPv4 or IPv6 in any form that the resolver gives. */
export function isPrivateAddress(address: string): boolean {
  if (!address.includes(":")) return isPrivateIpv4(address);
  const text = address.toLowerCase();
  const dotted = /^(?:::ffff:|::|64:ff9b::)(\d+\.\d+\.\d+\.\d+)$/.exec(text)?.[1];
  if (dotted !== undefined) return isPrivateIpv4(dotted);
  const embedded = /^(?:::ffff:|64:ff9b::)([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(text);
  if (embedded !== null) return isPrivateNumber(parseInt(embedded[1]!, 16) * 0x10000 + parseInt(embedded[2]!, 16));
  // Unspecified, loopback and whatever else begins with zeros; unique local, link-local, site-local, multicast.
  const first = parseInt(text.split(":")[0] || "0", 16);
  return first === 0 || (first & 0xfe00) === 0xfc00 || (first & 0xff80) === 0xfe80 || (first & 0xff00) === 0xff00;
}

function isPrivateIpv4(address: string): boolean {
  const parts = address.split(".").map(Number);
  if (parts.length !== 4 || !parts.every((part) => Number.isInteger(part) && part >= 0 && part <= 255)) return true;
  return isPrivateNumber(parts.reduce((sum, part) => sum * 256 + part, 0));
}

function isPrivateNumber(number: number): boolean {
  return IPV4_BLOCKS.some(([network, bits]) => number >>> (32 - bits) === network >>> (32 - bits));
}
