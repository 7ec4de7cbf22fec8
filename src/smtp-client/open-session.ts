/**
 * From an address to a session that is ready for mail: connection, greeting, EHLO or HELO, TLS (RFC 5321 sections 3.1 and
 * 3.2, RFC 3207). Where TLS is opportunistic and the handshake fails, the peer is asked once more in clear: mail that
 * could go in clear if TLS were not offered must not get stuck because it is offered badly.
 */
import type { Clock } from "../port/clock.ts";
import type { Connector } from "../port/connection.ts";
import type { AttemptReply } from "../queue/queued-message.ts";
import { extensionsOf, type Extensions, type ReceivedReply } from "../smtp/reply-reader.ts";
import { COMMAND_TIMEOUT_MS, CONNECT_TIMEOUT_MS, GREETING_TIMEOUT_MS, QUIT_TIMEOUT_MS, TLS_TIMEOUT_MS } from "./limits.ts";
import { ownReply, peerReply } from "./peer-reply.ts";
import { ReplyStream, type StreamAnswer } from "./reply-stream.ts";

/** `require`: encrypted, whoever it is; `verify`: and the certificate is valid for the host's name. */
export type TlsPolicy = "none" | "opportunistic" | "require" | "verify";

export interface Target {
  /** The name in the certificate and in reports. */
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly tls: TlsPolicy;
}
export interface ClientWorld {
  readonly connector: Connector;
  readonly clock: Clock;
  /** Our name in EHLO: a domain that resolves to us, or an address literal (RFC 5321 section 4.1.1.1). */
  readonly helo: string;
  readonly localAddress?: string;
}

export interface OpenedSession {
  readonly stream: ReplyStream;
  readonly extensions: Extensions;
}
export type OpenAnswer =
  | ({ readonly kind: "open" } & OpenedSession)
  /** This host is of no use now, or (`permanent`) says that it never is (RFC 7504). Others of the domain may be. */
  | { readonly kind: "unavailable"; readonly permanent: boolean; readonly reply: AttemptReply };
type StepAnswer = OpenAnswer | { readonly kind: "tls-failed"; readonly reply: AttemptReply };

export async function openSession(target: Target, world: ClientWorld): Promise<OpenAnswer> {
  const first = await attempt(target, world, target.tls);
  if (first.kind !== "tls-failed") return first;
  if (target.tls !== "opportunistic") return { kind: "unavailable", permanent: false, reply: first.reply };
  const second = await attempt(target, world, "none");
  return second.kind === "tls-failed" ? { kind: "unavailable", permanent: false, reply: second.reply } : second;
}

async function attempt(target: Target, world: ClientWorld, tls: TlsPolicy): Promise<StepAnswer> {
  const connected = await world.connector.connect(target, { timeoutMs: CONNECT_TIMEOUT_MS, ...(world.localAddress === undefined ? {} : { localAddress: world.localAddress }) });
  // X.4.1: no answer from host (RFC 3463 section 3.5). The operating system's detail is for the log of who runs it, not for senders.
  if (connected.kind !== "connected") return { kind: "unavailable", permanent: false, reply: ownReply("4.4.1", `connecting to ${target.host} [${target.address}]: ${CONNECT_WORDS[connected.kind]}`) };
  const stream = new ReplyStream(connected.connection, world.clock);
  const greeting = await stream.next(GREETING_TIMEOUT_MS);
  if (greeting.kind === "gone" || greeting.reply.code !== 220) return unusable(stream, target, greeting);
  const hello = await sayHello(stream, target, world);
  if (hello.kind !== "open" || tls === "none") return hello;
  const answer = hello.extensions.has("STARTTLS") ? await startTls(stream, target, world) : withoutTls(target, hello, "does not offer TLS");
  if (answer === "refused") return withoutTls(target, hello, "refused to start TLS");
  return answer;
}
const CONNECT_WORDS = { refused: "connection refused", timeout: "connection timed out", unreachable: "host unreachable" } as const;

/** EHLO, and HELO for those who do not know it (RFC 5321 section 3.2). */
async function sayHello(stream: ReplyStream, target: Target, world: ClientWorld): Promise<OpenAnswer> {
  const ehlo = await stream.command(`EHLO ${world.helo}`, COMMAND_TIMEOUT_MS);
  if (ehlo.kind === "reply" && ehlo.reply.class === 2) return { kind: "open", stream, extensions: extensionsOf(ehlo.reply) };
  if (ehlo.kind === "gone" || ehlo.reply.class !== 5) return unusable(stream, target, ehlo);
  const helo = await stream.command(`HELO ${world.helo}`, COMMAND_TIMEOUT_MS);
  if (helo.kind === "reply" && helo.reply.class === 2) return { kind: "open", stream, extensions: new Map() };
  return unusable(stream, target, helo);
}

async function startTls(stream: ReplyStream, target: Target, world: ClientWorld): Promise<StepAnswer | "refused"> {
  const ready = await stream.command("STARTTLS", COMMAND_TIMEOUT_MS);
  if (ready.kind === "gone" || ready.reply.code === 421) return unusable(stream, target, ready);
  if (ready.reply.code !== 220) return "refused";
  // Whatever stands behind the reply was put there by somebody in the path (RFC 3207 section 4.2).
  const started = stream.pending ? ({ kind: "failed", detail: "octets in clear behind the reply to STARTTLS" } as const) : await stream.connection.startTls({ role: "client", serverName: target.host, timeoutMs: TLS_TIMEOUT_MS });
  const verified = stream.connection.tls?.verified;
  const because = started.kind === "failed" ? "the TLS handshake failed" : target.tls === "verify" && verified?.ok !== true ? "the certificate is not valid for the host" : null;
  if (because !== null) {
    stream.connection.destroy();
    return { kind: "tls-failed", reply: ownReply("4.7.5", `${target.host}: ${because}`, target.host) };
  }
  stream.restart();
  return sayHello(stream, target, world);
}

function withoutTls(target: Target, hello: OpenAnswer, what: string): OpenAnswer {
  if (hello.kind !== "open" || target.tls === "opportunistic") return hello;
  void hello.stream.quit(QUIT_TIMEOUT_MS);
  return { kind: "unavailable", permanent: false, reply: ownReply("4.7.4", `${target.host} ${what}, which is required`, target.host) };
}

/** The peer does not want us, now or ever: 554 and 521 (RFC 5321 section 3.1, RFC 7504 section 3). */
function unusable(stream: ReplyStream, target: Target, answer: StreamAnswer): OpenAnswer {
  if (answer.kind === "gone") return { kind: "unavailable", permanent: false, reply: ownReply("4.4.2", `${target.host}: ${answer.detail}`, target.host) };
  void stream.quit(QUIT_TIMEOUT_MS);
  return { kind: "unavailable", permanent: isPermanent(answer.reply), reply: withClass(peerReply(answer.reply, target.host), isPermanent(answer.reply)) };
}

function isPermanent(reply: ReceivedReply): boolean {
  return reply.class === 5;
}
/** A reply of a class that has no place here says nothing permanent. */
function withClass(reply: AttemptReply, permanent: boolean): AttemptReply {
  return permanent || reply.status.startsWith("4.") ? reply : { ...reply, status: "4.5.0" };
}
