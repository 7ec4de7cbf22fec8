import type { Domain } from "../address/address.ts";
import { FakeClock } from "../port/clock.fake.ts";
import { FakeConnection } from "../port/connection.fake.ts";
import { DrainSwitch } from "../port/drain.ts";
import { FakeLog } from "../port/log.fake.ts";
import type { Labels, Metrics } from "../port/metrics.ts";
import { FakeRandom } from "../port/random.fake.ts";
import { FakeAuthenticator } from "../sasl/authenticator.fake.ts";
import { LineReader } from "../smtp/line.ts";
import { FakeIntake } from "./intake.fake.ts";
import { MemoryBudget } from "./memory-budget.ts";
import type { SmtpServerSettings } from "./settings.ts";
import { smtpServerDefaults } from "./settings.ts";
import type { SmtpRole, SmtpServerDeps } from "./smtp-server.ts";
import { serveSmtp } from "./smtp-server.ts";

export const HOSTNAME = "mx.example.test" as Domain;

/** Counters by name and labels. */
export class FakeMetrics implements Metrics {
  readonly counts = new Map<string, number>();
  count(name: string, labels: Labels = {}, by = 1): void {
    const key = `${name}${JSON.stringify(labels)}`;
    this.counts.set(key, (this.counts.get(key) ?? 0) + by);
  }
  gauge(): void {}
  observe(): void {}
}

/** One end of a session with fakes behind it: what a client says, and what it hears. */
export class ScriptedClient {
  readonly server: FakeConnection;
  readonly connection: FakeConnection;
  readonly intake = new FakeIntake();
  readonly authenticator = new FakeAuthenticator({ "alice@example.test": "wonderland", "bob@example.test": "builder" });
  readonly clock = new FakeClock(Date.UTC(2026, 10, 24, 11, 15));
  readonly log = new FakeLog();
  readonly metrics = new FakeMetrics();
  readonly budget: MemoryBudget;
  readonly drain: DrainSwitch;
  /** Resolves when the session is over. */
  readonly done: Promise<void>;
  readonly #lines = new LineReader();

  constructor(role: SmtpRole, options: { readonly settings?: Partial<SmtpServerSettings>; readonly tls?: boolean; readonly budgetBytes?: number; readonly drain?: DrainSwitch } = {}) {
    [this.server, this.connection] = FakeConnection.pair({ tls: options.tls ?? role === "submissions" });
    this.drain = options.drain ?? new DrainSwitch();
    this.budget = new MemoryBudget(options.budgetBytes ?? 100_000_000);
    const deps: SmtpServerDeps = {
      settings: { hostname: HOSTNAME, ...smtpServerDefaults, ...options.settings },
      intake: this.intake, authenticator: this.authenticator, budget: this.budget, drain: this.drain,
      clock: this.clock, random: new FakeRandom(), log: this.log, metrics: this.metrics,
    };
    this.done = serveSmtp(this.server, deps, role);
  }
  /** Sends octets as they are. */
  send(octets: string | Buffer): void {
    this.connection.write(typeof octets === "string" ? Buffer.from(octets, "utf8") : octets);
  }
  /** The next line the server says, without CRLF; null when it closed. */
  async hearLine(): Promise<string | null> {
    for (;;) {
      const answer = this.#lines.line(1_000_000);
      if (answer.kind === "line") return answer.line.toString("utf8");
      if (answer.kind !== "more") return `(${answer.kind})`;
      const read = await this.connection.read();
      if (read.kind !== "bytes") return null;
      this.#lines.push(read.bytes);
    }
  }
  /** The next reply; the lines of a longer one joined by "|". Null when the server closed. */
  async hear(): Promise<string | null> {
    const lines: string[] = [];
    for (;;) {
      const line = await this.hearLine();
      if (line === null) return lines.length === 0 ? null : lines.join("|");
      lines.push(line);
      if (line[3] !== "-") return lines.join("|");
    }
  }
  /** Sends one line and hears one reply. */
  async say(line: string): Promise<string | null> {
    this.send(`${line}\r\n`);
    return this.hear();
  }
  /** Hears to the end. */
  async hearAll(): Promise<string[]> {
    const replies: string[] = [];
    for (;;) {
      const reply = await this.hear();
      if (reply === null) return replies;
      replies.push(reply);
    }
  }
}
