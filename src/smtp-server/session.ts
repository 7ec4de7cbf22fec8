/** One SMTP session: reads commands, hands each to its file in command/, writes the reply, keeps count. */
import { AssertionFailed } from "../base/assert.ts";
import type { Connection } from "../port/connection.ts";
import type { Log } from "../port/log.ts";
import type { Login } from "../sasl/authenticator.ts";
import type { Command } from "../smtp/command.ts";
import { parseCommand } from "../smtp/command-line.ts";
import { AUTH_LINE_BYTES_MAX, COMMAND_LINE_BYTES_MAX } from "../smtp/limits.ts";
import type { LineAnswer } from "../smtp/line.ts";
import { LineReader } from "../smtp/line.ts";
import type { AnyReply, Reply } from "../smtp/reply.ts";
import { writeReply } from "../smtp/reply.ts";
import { runCommand } from "./dispatch.ts";
import { COMMAND_MS_MAX, CONTENT_MS_MAX, CONTENT_PAUSE_MS_MAX, ERRORS_MAX, IDLE_COMMANDS_MAX, REFUSED_RECIPIENTS_MAX, PENDING_BYTES_MAX } from "./limits.ts";
import { problemReplies, replies } from "./replies.ts";
import type { SmtpRole, SmtpServerDeps } from "./smtp-server.ts";
import type { MailTransaction } from "./transaction.ts";

/** What a command leads to: a reply and the next command, a last reply (or none) and the end, or the next command at once. */
export type Outcome = AnyReply | { readonly kind: "close"; readonly reply: Reply | null } | { readonly kind: "replied" };

export interface Hello {
  readonly extended: boolean;
  /** Printable US-ASCII, not checked to be a domain. */
  readonly domain: string;
}

/** A whole line, or why there is none; `gone` is the peer's end. */
export type Line = Exclude<LineAnswer, { readonly kind: "more" }> | { readonly kind: "gone" } | { readonly kind: "timeout" };
export type Octets = { readonly kind: "octets"; readonly octets: Buffer } | { readonly kind: "gone" } | { readonly kind: "timeout" };

/** Replies that say the client does not speak SMTP as it should. */
const ERROR_CODES = new Set([500, 501, 502, 503, 504, 530, 538, 555]);
/** Commands after which the octets that follow cannot be told apart when they failed halfway. */
const STREAMING = new Set<Command["verb"]>(["DATA", "BDAT", "AUTH", "STARTTLS"]);

export class Session {
  readonly connection: Connection;
  readonly deps: SmtpServerDeps;
  readonly role: SmtpRole;
  readonly log: Log;
  /** Null before EHLO or HELO, and again after STARTTLS (RFC 3207 section 4.2). */
  hello: Hello | null = null;
  login: Login | null = null;
  transaction: MailTransaction | null = null;
  loginFailures = 0;
  refusedRecipients = 0;
  /** Messages whose content was answered, and those of them that were accepted. */
  messages = 0;
  accepted = 0;
  /** Commands since the last message that brought none nearer. */
  idleCommands = 0;
  /** Whether the connection is closed already, so that nobody hears the next answer. */
  peerIsGone = false;
  readonly #lines = new LineReader();
  #errors = 0;
  /** Waiting for a command, all before it being answered: 421 may be said now. */
  #awaitsCommand = false;
  #saidShuttingDown = false;

  constructor(connection: Connection, deps: SmtpServerDeps, role: SmtpRole) {
    this.connection = connection;
    this.deps = deps;
    this.role = role;
    this.log = deps.log.with({ session: connection.id, role });
  }
  get isSubmission(): boolean {
    return this.role !== "mx";
  }
  /** `sessionId.n` of the next message; letters, digits, dots and hyphens only where the connection's id is so. */
  get traceId(): string {
    return `${this.connection.id.replace(/[^A-Za-z0-9.-]/g, "-")}.${this.messages + 1}`;
  }

  async run(): Promise<void> {
    const { metrics, settings, clock } = this.deps;
    const startedAt = clock.monotonic();
    metrics.count("tayori_smtp_sessions_total", { role: this.role });
    this.log.debug("smtp-session-started", { peer: this.connection.remote.address });
    void this.connection.closed.then(() => { this.peerIsGone = true; });
    const stopListening = this.deps.drain.onDrain(() => this.#onDrain());
    let end = "gone";
    try {
      if (!this.deps.drain.draining) this.reply({ kind: "greeting", text: `${settings.hostname} ESMTP` });
      end = await this.#commands();
    } catch (error) {
      end = "fault";
      this.fault("session", error);
    } finally {
      stopListening();
      this.dropTransaction();
      this.connection.end();
      const { messages, accepted, refusedRecipients, loginFailures } = this;
      this.log.info("smtp-session-ended", { peer: this.connection.remote.address, end, messages, accepted, refusedRecipients, loginFailures, errors: this.#errors, tls: this.connection.tls !== null, ms: clock.monotonic() - startedAt });
    }
  }
  /** Says how the session ended. */
  async #commands(): Promise<string> {
    for (;;) {
      if (this.#mayShutDown) return this.#last(replies.shuttingDown);
      const line = await this.#commandLine();
      if (line.kind === "gone") return this.#saidShuttingDown ? writeEnd(replies.shuttingDown) : "gone";
      if (line.kind === "timeout") return this.#last(replies.timeout);
      const outcome = this.#counted(await this.#answer(line));
      if (outcome.kind === "close") return this.#last(outcome.reply);
      if (outcome.kind !== "replied") this.reply(outcome);
      if (this.connection.pendingBytes > PENDING_BYTES_MAX) await this.connection.drained();
    }
  }
  #last(reply: Reply | null): string {
    if (reply === null) return "gone";
    this.reply(reply);
    return writeEnd(reply);
  }
  /** RFC 5321 section 3.8: a server that is shut down says 421 when it can, and a client that hears it tries again later. */
  get #mayShutDown(): boolean {
    return this.deps.drain.draining && this.transaction === null;
  }
  /** Whoever waits for a command hears it now, and the read that waits ends with the connection. */
  #onDrain(): void {
    if (!this.#awaitsCommand || !this.#mayShutDown) return;
    this.#saidShuttingDown = true;
    this.reply(replies.shuttingDown);
    this.connection.end();
  }
  #commandLine(): Promise<Line> | Line {
    const bytesMax = this.#lines.startsWith("AUTH ") ? AUTH_LINE_BYTES_MAX : COMMAND_LINE_BYTES_MAX;
    const answer = this.#lines.line(bytesMax);
    return answer.kind === "more" ? this.#readCommandLine() : answer;
  }
  async #readCommandLine(): Promise<Line> {
    const deadline = this.deps.clock.monotonic() + COMMAND_MS_MAX;
    for (;;) {
      this.#awaitsCommand = true;
      const read = await this.#read(deadline - this.deps.clock.monotonic());
      this.#awaitsCommand = false;
      if (read.kind !== "octets") return read;
      this.#lines.push(read.octets);
      const answer = this.#lines.line(this.#lines.startsWith("AUTH ") ? AUTH_LINE_BYTES_MAX : COMMAND_LINE_BYTES_MAX);
      if (answer.kind !== "more") return answer;
    }
  }
  async #answer(line: Exclude<Line, { readonly kind: "gone" | "timeout" }>): Promise<Outcome> {
    if (line.kind === "too-long") return replies.lineTooLong;
    if (line.kind === "bare-line-end") return replies.bareLineEnd;
    const parsed = parseCommand(line.line);
    if (parsed.kind === "problem") {
      const reply = problemReplies[parsed.problem];
      // A browser that was made to talk to us sends its whole request as commands; the form's fields must not become some.
      const close = parsed.problem === "bad-chunk-size" || (parsed.problem === "unknown-verb" && /^(?:GET|POST|PUT|HEAD|OPTIONS|CONNECT) /.test(line.line.toString("latin1", 0, 8)));
      return close ? { kind: "close", reply } : reply;
    }
    try {
      return await runCommand(this, parsed.command);
    } catch (error) {
      this.fault(parsed.command.verb, error);
      return STREAMING.has(parsed.command.verb) ? { kind: "close", reply: replies.serverFault } : replies.localError;
    }
  }
  /** Ends sessions that only cost. */
  #counted(outcome: Outcome): Outcome {
    if (outcome.kind === "final" && ERROR_CODES.has(outcome.code) && ++this.#errors > ERRORS_MAX) return { kind: "close", reply: replies.tooManyErrors };
    if (this.refusedRecipients > REFUSED_RECIPIENTS_MAX) return { kind: "close", reply: replies.tooManyUnknown };
    if (this.idleCommands > IDLE_COMMANDS_MAX) return { kind: "close", reply: replies.tooManyIdle };
    return outcome;
  }
  /** Logs a bug or an outage: its kind and where it happened, not its words, which may quote what a message holds. */
  fault(where: string, error: unknown): void {
    const frames = error instanceof Error ? (error.stack ?? "").split("\n").filter((frame) => /^\s+at /.test(frame)).slice(0, 5).join("; ") : "";
    const name = error instanceof Error ? error.name : typeof error;
    this.log.error("smtp-fault", { where, name, frames, invariant: error instanceof AssertionFailed });
    this.deps.metrics.count("tayori_smtp_faults_total", { role: this.role });
  }

  reply(reply: AnyReply): void {
    this.connection.write(writeReply(reply));
  }
  /** The next line of an exchange within a command. */
  async readLine(bytesMax: number): Promise<Line> {
    const deadline = this.deps.clock.monotonic() + COMMAND_MS_MAX;
    for (;;) {
      const answer = this.#lines.line(bytesMax);
      if (answer.kind !== "more") return answer;
      const read = await this.#read(deadline - this.deps.clock.monotonic());
      if (read.kind !== "octets") return read;
      this.#lines.push(read.octets);
    }
  }
  /** Octets of content, at least one and at most `bytesMax`: what waits, or else what comes. */
  async readContent(startedAt: number, bytesMax = Number.MAX_SAFE_INTEGER): Promise<Octets> {
    if (this.#lines.length === 0) {
      const left = startedAt + CONTENT_MS_MAX - this.deps.clock.monotonic();
      const read = left <= 0 ? ({ kind: "timeout" } as const) : await this.#read(Math.min(left, CONTENT_PAUSE_MS_MAX));
      if (read.kind !== "octets" || read.octets.length <= bytesMax) return read;
      this.#lines.push(read.octets);
    }
    return { kind: "octets", octets: this.#lines.take(bytesMax) };
  }
  /** Gives back what was read and belongs to the next command. */
  unread(rest: Buffer): void {
    this.#lines.unread(rest);
  }
  /** Throws away what was pipelined (RFC 3207 section 4.2). */
  discardPipelined(): void {
    this.#lines.clear();
  }
  async #read(timeoutMs: number): Promise<Octets> {
    if (timeoutMs <= 0) return { kind: "timeout" };
    const read = await this.connection.read(timeoutMs);
    switch (read.kind) {
      case "bytes":
        return { kind: "octets", octets: read.bytes };
      case "timeout":
        return read;
      case "end":
      case "error":
        return { kind: "gone" };
    }
  }
  dropTransaction(): void {
    this.transaction?.chunks?.reservation.release();
    this.transaction = null;
  }
}

/** For the log. */
function writeEnd(reply: Reply): string {
  return `${reply.code} ${reply.enhanced}`;
}
