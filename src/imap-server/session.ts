/** One IMAP session: reads commands, hands each to its file in command/, writes the completion, keeps count. */
import type { AccountLease } from "../account/accounts.ts";
import { AssertionFailed } from "../base/assert.ts";
import type { Command } from "../imap/command.ts";
import { CommandReader, type RawCommand } from "../imap/command-reader.ts";
import { appendTarget, nameOf, parseCommand } from "../imap/parse-command.ts";
import { ResponseWriter } from "../imap/response-writer.ts";
import { type ResponseCode, writeContinuation, writeStatusResponse } from "../imap/write-response.ts";
import type { Connection } from "../port/connection.ts";
import type { Log } from "../port/log.ts";
import type { Login } from "../sasl/authenticator.ts";
import { capabilities } from "./capabilities.ts";
import { runCommand } from "./dispatch.ts";
import { ChunkSource } from "./chunk-source.ts";
import type { ImapServerDeps } from "./imap-server.ts";
import { BAD_COMMANDS_MAX, BREATHE_MS, COMMAND_PAUSE_MS, FIRST_SLAB_BYTES, FLUSH_BYTES, IDLE_TIMEOUT_MS, LOGIN_TIMEOUT_MS, PENDING_BYTES_MAX, UNAUTHENTICATED_MS_MAX } from "./limits.ts";
import { bad, type Completion, no, refusal } from "./response.ts";
import type { Selected } from "./selected.ts";

/** A command's end: the completion (the last one of the session, with `last`), one that was written already, or that the session is over. */
export type CommandOutcome = (Completion & { readonly last?: true }) | { readonly kind: "replied" } | { readonly kind: "end" };

export interface Authenticated {
  readonly login: Login;
  readonly lease: AccountLease;
}
/** Literals before the login are names and passwords. */
const MESSAGE_BYTES_BEFORE_LOGIN = 4096;
const TIMED_OUT = { kind: "timeout" } as const;

export class Session {
  readonly connection: Connection;
  readonly deps: ImapServerDeps;
  readonly log: Log;
  readonly writer = new ResponseWriter({ firstSlabBytes: FIRST_SLAB_BYTES });
  readonly reader = new CommandReader({ messageBytesMax: MESSAGE_BYTES_BEFORE_LOGIN });
  readonly chunks: ChunkSource;
  authenticated: Authenticated | null = null;
  selected: Selected | null = null;
  loginFailures = 0;
  /** RFC 7162 section 3.1: from then on changes are told with their mod-sequences. */
  condstore = false;
  rev2 = false;
  #badCommands = 0;
  /** Waiting for a command, all before it being answered: BYE may be said now. */
  #awaitsCommand = false;
  /** Part of the next command has come. */
  #inCommand = false;
  #saidGoodbye = false;
  #gone = false;
  readonly #startedAt: number;
  #breathedAt: number;
  #commands = 0;

  constructor(connection: Connection, deps: ImapServerDeps) {
    this.connection = connection;
    this.deps = deps;
    this.log = deps.log.with({ session: connection.id, role: "imap" });
    this.chunks = new ChunkSource(connection);
    this.#startedAt = this.#breathedAt = deps.clock.monotonic();
    void connection.closed.then(() => { this.#gone = true; });
  }
  /** Nobody listens any more: what takes long may stop. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Passwords may be sent: the connection is encrypted, or never leaves this machine and a setting allows it. */
  get secure(): boolean {
    if (this.connection.tls !== null) return true;
    const { address } = this.connection.remote;
    return this.deps.settings.cleartextLoopback && (address.startsWith("127.") || address === "::1");
  }
  capabilities(): string[] {
    const { startTls, offerLogin, messageBytesMax } = this.deps.settings;
    const tls = this.connection.tls;
    return capabilities({ authenticated: this.authenticated !== null, secure: this.secure, tls: tls !== null, channelBinding: tls?.protocol === "TLSv1.3", startTls, offerLogin, messageBytesMax });
  }

  async run(): Promise<void> {
    const { metrics, clock } = this.deps;
    metrics.count("tayori_imap_sessions_total", { tls: String(this.connection.tls !== null) });
    const stopListening = this.deps.drain.onDrain(() => this.#onDrain());
    let end = "gone";
    try {
      if (!this.deps.drain.draining) writeStatusResponse(this.writer, null, { status: "OK", code: { kind: "CAPABILITY", capabilities: this.capabilities() }, text: "Tayori is ready" });
      this.flush();
      end = await this.#serve();
    } catch (error) {
      end = "fault";
      this.#fault("session", error);
    } finally {
      stopListening();
      this.selected = null;
      this.authenticated?.lease.release();
      this.connection.end();
      this.log.info("imap-session-ended", {
        peer: this.connection.remote.address, end, account: this.authenticated?.login.accountId ?? null, commands: this.#commands,
        loginFailures: this.loginFailures, tls: this.connection.tls !== null, ms: clock.monotonic() - this.#startedAt,
      });
    }
  }

  /** Whoever waits for a command hears it now, and the read that waits ends with the connection. */
  #onDrain(): void {
    if (!this.#awaitsCommand) return;
    this.#saidGoodbye = true;
    this.sayShuttingDown();
    this.connection.end();
  }
  /** RFC 9051 section 7.1.5. The answer is the reason for the log. */
  sayShuttingDown(): string {
    return this.bye("The server is shutting down, connect again", "drained");
  }
  /** Says how the session ended. */
  async #serve(): Promise<string> {
    for (;;) {
      const event = this.reader.next();
      switch (event.kind) {
        case "need-more": {
          this.flush();
          if (this.reader.isBetweenCommands) {
            if (this.deps.drain.draining) return this.sayShuttingDown();
            this.writer.release();
            this.#awaitsCommand = true;
          }
          this.#inCommand = !this.#awaitsCommand;
          const patienceMs = this.#patienceMs();
          // Octets that wait already would come in no time at all, again and again.
          const answer = patienceMs > 0 ? await this.chunks.next(patienceMs) : TIMED_OUT;
          this.#awaitsCommand = false;
          if (answer.kind === "bytes") this.reader.push(answer.bytes);
          else if (answer.kind === "timeout") return this.bye("Nothing was heard for too long", "timeout");
          else return this.#saidGoodbye ? "drained" : "gone";
          break;
        }
        case "continue":
          await this.#literal(event);
          break;
        case "too-long":
          writeStatusResponse(this.writer, event.tag, { status: event.response, code: { kind: "TOOBIG" }, text: event.detail });
          if (this.#tooManyBad()) return this.bye("Too many broken commands", "broken");
          break;
        case "bad":
          writeStatusResponse(this.writer, event.tag, bad(event.detail));
          return this.bye("The stream can not be followed", "broken");
        case "command": {
          if (this.deps.drain.draining && !this.#inCommand) return this.sayShuttingDown();
          this.#inCommand = false;
          const end = await this.#command(event.raw);
          if (end !== null) return end;
          break;
        }
      }
      if (this.connection.pendingBytes > PENDING_BYTES_MAX) await this.connection.drained();
    }
  }
  /** How long the client may say nothing; before the login also how much of its time is left. */
  #patienceMs(): number {
    if (this.authenticated !== null) return this.reader.isBetweenCommands ? IDLE_TIMEOUT_MS : COMMAND_PAUSE_MS;
    return Math.min(LOGIN_TIMEOUT_MS, this.#startedAt + UNAUTHENTICATED_MS_MAX - this.deps.clock.monotonic());
  }
  #tooManyBad(): boolean {
    this.#badCommands += 1;
    return this.#badCommands > BAD_COMMANDS_MAX;
  }

  /** A client waits to hear whether it may send a literal. A message for a mailbox that is not there need not come. */
  async #literal(event: { readonly tag: string | null; readonly message: boolean; readonly soFar: RawCommand }): Promise<void> {
    if (event.message) {
      const refused = await this.#appendRefusal(appendTarget(event.soFar, { utf8: this.writer.utf8 }));
      if (refused !== null) {
        this.reader.refuseLiteral();
        writeStatusResponse(this.writer, event.tag, refused);
        return;
      }
    }
    this.reader.acceptLiteral();
    writeContinuation(this.writer, "Go on");
  }
  async #appendRefusal(target: string | null): Promise<Completion | null> {
    if (this.authenticated === null) return bad("Log in first");
    const { account } = this.authenticated.lease;
    if (target === null || account.mailboxNamed(target) !== null) return null;
    // Another process may have made it.
    const fresh = await account.refresh();
    if (fresh.kind !== "done") return refusal(fresh);
    return account.mailboxNamed(target) === null ? no("No such mailbox", { kind: "TRYCREATE" }) : null;
  }

  async #command(raw: RawCommand): Promise<string | null> {
    const parsed = parseCommand(raw, { utf8: this.writer.utf8 });
    this.#commands += 1;
    // Time between commands was everybody's.
    this.#breathedAt = this.deps.clock.monotonic();
    if (parsed.kind !== "parsed") {
      const completion = parsed.kind === "bad" ? bad(parsed.text) : no("Only US-ASCII and UTF-8", { kind: "BADCHARSET", charsets: ["US-ASCII", "UTF-8"] });
      writeStatusResponse(this.writer, parsed.tag, completion);
      return parsed.kind === "bad" && this.#tooManyBad() ? this.bye("Too many broken commands", "broken") : null;
    }
    const outcome = await this.#run(parsed.tag, parsed.command);
    if ("kind" in outcome) return outcome.kind === "end" ? "ended" : null;
    writeStatusResponse(this.writer, parsed.tag, outcome);
    if (outcome.status !== "BAD") this.#badCommands = 0;
    else if (this.#tooManyBad()) return this.bye("Too many broken commands", "broken");
    if (outcome.last === true) {
      this.flush();
      return "logout";
    }
    if (this.writer.bytesWaiting > FLUSH_BYTES) this.flush();
    return null;
  }
  async #run(tag: string, command: Command): Promise<CommandOutcome> {
    try {
      return await runCommand(this, tag, command);
    } catch (error) {
      this.#fault(nameOf(command), error);
      return no("This server has a fault; it was written down", { kind: "SERVERBUG" });
    }
  }

  /** Hands what was written to the connection. */
  flush(): void {
    this.writer.flushTo(this.connection);
  }
  /** For loops that write much: hands over, waits for a slow reader, lets others run. True when rows may have changed meanwhile. */
  async breathe(): Promise<boolean> {
    let waited = false;
    if (this.writer.bytesWaiting >= FLUSH_BYTES) {
      this.flush();
      if (this.connection.pendingBytes > PENDING_BYTES_MAX) {
        await this.connection.drained();
        waited = true;
      }
    }
    if (this.deps.clock.monotonic() - this.#breathedAt > BREATHE_MS) {
      await this.deps.clock.sleep(0);
      this.#breathedAt = this.deps.clock.monotonic();
      waited = true;
    }
    return waited;
  }
  /** RFC 7162 section 3.1: the first command that needs mod-sequences also tells up to which one the client knows its mailbox. */
  enableCondstore(): void {
    if (this.condstore) return;
    this.condstore = true;
    if (this.selected !== null) this.untagged("OK", "The newest change you know", { kind: "HIGHESTMODSEQ", value: this.selected.toldModseq });
  }
  untagged(status: "OK" | "NO" | "BAD", text: string, code: ResponseCode | null = null): void {
    writeStatusResponse(this.writer, null, { status, code, text });
  }
  /** Says goodbye; the answer is the reason for the log. */
  bye(text: string, why: string): string {
    writeStatusResponse(this.writer, null, { status: "BYE", text });
    this.flush();
    return why;
  }
  #fault(where: string, error: unknown): void {
    this.deps.metrics.count("tayori_faults_total", { role: "imap" });
    // Messages of errors may hold content; the place does not.
    const stack = error instanceof Error ? (error.stack ?? "").split("\n").slice(1, 6).join(" | ") : "";
    this.log.error("imap-fault", { where, error: error instanceof Error ? error.name : typeof error, detail: error instanceof AssertionFailed ? error.message : null, stack });
  }
}
