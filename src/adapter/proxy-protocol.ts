/** The PROXY protocol, versions 1 and 2 (haproxy.org, proxy-protocol.txt): what a load balancer says about the peer before the first octet. */
import { isIPv4, isIPv6 } from "node:net";
import { writeIpAddress } from "../dns/ip-address.ts";
import type { Endpoint } from "../port/connection.ts";
import { PROXY_V1_BYTES_MAX, PROXY_V2_BYTES_MAX } from "./limits.ts";

export type ProxyAnswer =
  | { readonly kind: "more" }
  /** `endpoints` is null for LOCAL and UNKNOWN: the connection is the proxy's own. `length`: octets of the header. */
  | { readonly kind: "header"; readonly length: number; readonly endpoints: ProxiedEndpoints | null }
  | { readonly kind: "malformed"; readonly detail: string };
export interface ProxiedEndpoints {
  readonly remote: Endpoint;
  readonly local: Endpoint;
}

const V2_SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const V1_SIGNATURE = Buffer.from("PROXY ", "latin1");
const V2_FIXED_BYTES = 16;
const MORE: ProxyAnswer = { kind: "more" };

/** `bytes` is everything that arrived. Anything that is not the beginning of a header is malformed at its first wrong octet. */
export function parseProxyHeader(bytes: Buffer): ProxyAnswer {
  if (bytes.length === 0) return MORE;
  if (begins(bytes, V2_SIGNATURE)) return bytes.length < V2_FIXED_BYTES ? MORE : parseV2(bytes);
  if (begins(bytes, V1_SIGNATURE)) return bytes.length < V1_SIGNATURE.length ? MORE : parseV1(bytes);
  return malformed("no PROXY header");
}

function begins(bytes: Buffer, signature: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length);
  return bytes.subarray(0, length).equals(signature.subarray(0, length));
}

/** Section 2.2. */
function parseV2(bytes: Buffer): ProxyAnswer {
  const version = bytes.readUInt8(12) >> 4;
  const command = bytes.readUInt8(12) & 15;
  const family = bytes.readUInt8(13);
  const length = V2_FIXED_BYTES + bytes.readUInt16BE(14);
  if (version !== 2 || command > 1) return malformed("unknown version or command");
  if (length > PROXY_V2_BYTES_MAX) return malformed("header too long");
  if (bytes.length < length) return MORE;
  // LOCAL: the receiver must use the real endpoints and skip the rest.
  if (command === 0) return { kind: "header", length, endpoints: null };
  if (family === 0) return { kind: "header", length, endpoints: null };
  const size = family === 0x11 ? 4 : family === 0x21 ? 16 : 0;
  if (size === 0) return malformed("not TCP over IP");
  const ports = V2_FIXED_BYTES + 2 * size;
  if (length < ports + 4) return malformed("addresses cut short");
  const address = (start: number): string => writeIpAddress(bytes.subarray(start, start + size), true);
  return {
    kind: "header", length, endpoints: {
      remote: { address: address(V2_FIXED_BYTES), port: bytes.readUInt16BE(ports) },
      local: { address: address(V2_FIXED_BYTES + size), port: bytes.readUInt16BE(ports + 2) },
    },
  };
}

/** Section 2.1. */
function parseV1(bytes: Buffer): ProxyAnswer {
  const end = bytes.subarray(0, PROXY_V1_BYTES_MAX).indexOf("\r\n");
  if (end < 0) return bytes.length < PROXY_V1_BYTES_MAX ? MORE : malformed("line too long");
  const length = end + 2;
  const words = bytes.toString("latin1", 0, end).split(" ");
  if (words[1] === "UNKNOWN") return { kind: "header", length, endpoints: null };
  const [, protocol, source = "", destination = "", sourcePort, destinationPort, ...rest] = words;
  const isAddress = protocol === "TCP4" ? isIPv4 : protocol === "TCP6" ? isIPv6 : () => false;
  const ports = [parsePort(sourcePort), parsePort(destinationPort)] as const;
  if (!isAddress(source) || !isAddress(destination) || ports[0] === null || ports[1] === null || rest.length > 0) return malformed("wrong line");
  return { kind: "header", length, endpoints: { remote: { address: canonical(source), port: ports[0] }, local: { address: canonical(destination), port: ports[1] } } };
}

function parsePort(text: string | undefined): number | null {
  if (text === undefined || !/^(0|[1-9][0-9]{0,4})$/.test(text)) return null;
  const port = Number(text);
  return port <= 65535 ? port : null;
}

/** The URL parser of the platform writes IPv6 as RFC 5952 does, except for mapped addresses, which it keeps in hexadecimal. */
function canonical(address: string): string {
  if (isIPv4(address) || address.includes("%")) return address;
  const groups = expand(new URL(`http://[${address}]/`).hostname.slice(1, -1));
  return writeIpAddress(groups, true);
}

function expand(compressed: string): Buffer {
  const [head = "", tail = ""] = compressed.split("::");
  const words = (part: string): number[] => (part === "" ? [] : part.split(":").map((word) => Number.parseInt(word, 16)));
  const bytes = Buffer.alloc(16);
  words(head).forEach((word, i) => bytes.writeUInt16BE(word, i * 2));
  const last = words(tail);
  last.forEach((word, i) => bytes.writeUInt16BE(word, 16 - (last.length - i) * 2));
  return bytes;
}

function malformed(detail: string): ProxyAnswer {
  return { kind: "malformed", detail };
}
