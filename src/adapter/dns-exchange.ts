/** One question to one server and its response: over UDP from a socket and port of its own, over TCP where UDP does not do. */
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import { EMPTY } from "../base/bytes.ts";
import { MESSAGE_BYTES_MAX } from "../dns/limits.ts";
import { parseResponse, writeQuery } from "../dns/message.ts";
import type { Response } from "../dns/message.ts";
import type { Clock } from "../port/clock.ts";
import type { Connector, Endpoint } from "../port/connection.ts";
import type { Random } from "../port/random.ts";
import { DNS_STRAYS_MAX } from "./limits.ts";
import { detailOf } from "./node-connection.ts";

export interface Question {
  /** As `writeName` gives it. */
  readonly name: Buffer;
  readonly type: number;
  readonly edns: boolean;
  readonly checkingDisabled: boolean;
  /** Writes the letters in random case, which a forged response must repeat (draft-vixie-dnsext-dns0x20). */
  readonly mixCase: boolean;
}
export type ExchangeAnswer = Response | { readonly kind: "timeout" | "malformed" | "unreachable"; readonly detail: string };
export interface ExchangePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly connector: Connector;
}

/** UDP, then TCP when the response is truncated or a server does not repeat the letters' case; all in `timeoutMs`. */
export async function exchange(server: Endpoint, question: Question, timeoutMs: number, ports: ExchangePorts): Promise<ExchangeAnswer> {
  const until = ports.clock.monotonic() + timeoutMs;
  const answer = await overUdp(server, question, timeoutMs, ports);
  if (answer.kind !== "case-lost" && !(answer.kind === "response" && answer.truncated)) return answer;
  return overTcp(server, question, Math.max(1, until - ports.clock.monotonic()), ports);
}

async function overUdp(server: Endpoint, question: Question, timeoutMs: number, ports: ExchangePorts): Promise<ExchangeAnswer | { readonly kind: "case-lost" }> {
  const id = ports.random.below(65_536);
  const name = question.mixCase ? mixCase(question.name, ports.random) : question.name;
  const query = writeQuery({ ...question, name, id });
  // Connected: the kernel drops datagrams from anybody else, and tells when nobody listens there.
  const socket = createSocket(isIPv6(server.address) ? "udp6" : "udp4");
  return new Promise((resolve) => {
    let strays = 0;
    const settle = (answer: ExchangeAnswer | { readonly kind: "case-lost" }): void => {
      cancel();
      socket.removeAllListeners("message");
      close();
      resolve(answer);
    };
    let open = true;
    const close = (): void => {
      if (open) socket.close();
      open = false;
    };
    const cancel = ports.clock.timer(timeoutMs, () => settle({ kind: "timeout", detail: "no response" }));
    socket.on("error", (error) => settle({ kind: "unreachable", detail: detailOf(error) }));
    socket.on("message", (bytes) => {
      const match = matchOf(bytes, id, query.question);
      if (match === "yes") settle(parseResponse(bytes));
      else if (match === "case-lost") settle({ kind: "case-lost" });
      else if (++strays > DNS_STRAYS_MAX) settle({ kind: "malformed", detail: "too many responses to other questions" });
    });
    socket.connect(server.port, server.address, () => {
      if (open) socket.send(query.message);
    });
  });
}

/** RFC 5452 section 9.1: id and question must match; a refusal may come without a question. */
function matchOf(bytes: Buffer, id: number, question: Buffer): "yes" | "no" | "case-lost" {
  if (bytes.length < 12 || bytes.readUInt16BE(0) !== id || (bytes.readUInt8(2) & 0x80) === 0) return "no";
  const failed = (bytes.readUInt8(3) & 15) !== 0;
  if (bytes.readUInt16BE(4) === 0) return failed ? "yes" : "no";
  const repeated = bytes.subarray(12, 12 + question.length);
  if (repeated.equals(question)) return "yes";
  return lower(repeated).equals(lower(question)) ? "case-lost" : "no";
}

async function overTcp(server: Endpoint, question: Question, timeoutMs: number, ports: ExchangePorts): Promise<ExchangeAnswer> {
  const until = ports.clock.monotonic() + timeoutMs;
  const opened = await ports.connector.connect(server, { timeoutMs });
  if (opened.kind !== "connected") return { kind: opened.kind === "timeout" ? "timeout" : "unreachable", detail: opened.detail };
  const { connection } = opened;
  const id = ports.random.below(65_536);
  const query = writeQuery({ ...question, id });
  connection.write(Buffer.from([query.message.length >> 8, query.message.length & 255]));
  connection.write(query.message);
  let bytes: Buffer = EMPTY;
  try {
    for (;;) {
      const size = bytes.length < 2 ? MESSAGE_BYTES_MAX : bytes.readUInt16BE(0);
      if (bytes.length >= 2 + size) break;
      const read = await connection.read(Math.max(1, until - ports.clock.monotonic()));
      if (read.kind === "timeout") return { kind: "timeout", detail: "no response over TCP" };
      if (read.kind !== "bytes") return { kind: "unreachable", detail: "closed over TCP" };
      bytes = bytes.length === 0 ? read.bytes : Buffer.concat([bytes, read.bytes]);
    }
  } finally {
    connection.destroy();
  }
  const message = bytes.subarray(2, 2 + bytes.readUInt16BE(0));
  const match = matchOf(message, id, query.question);
  if (match === "no") return { kind: "malformed", detail: "the response is to another question" };
  const response = parseResponse(message);
  return response.kind === "response" && response.truncated ? { kind: "malformed", detail: "truncated over TCP" } : response;
}

function mixCase(name: Buffer, random: Random): Buffer {
  const out = Buffer.from(name);
  const bits = random.bytes(Math.ceil(out.length / 8));
  for (let i = 0; i < out.length; i++) {
    const octet = out[i] ?? 0;
    // Length octets are at most 63, below every letter.
    const isLetter = (octet >= 65 && octet <= 90) || (octet >= 97 && octet <= 122);
    if (isLetter && ((bits[i >> 3] ?? 0) >> (i & 7)) & 1) out[i] = octet ^ 0x20;
  }
  return out;
}

function lower(bytes: Buffer): Buffer {
  const out = Buffer.from(bytes);
  for (let i = 0; i < out.length; i++) {
    const octet = out[i] ?? 0;
    if (octet >= 65 && octet <= 90) out[i] = octet | 0x20;
  }
  return out;
}
