/** A Postfix instance of its own: configuration, queue and log in a temporary directory, one smtpd on a loopback port. */
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Certificate, selfSigned } from "./certificate.ts";
import { freePort } from "./ports.ts";
import { eventually, mustRun, processEnded, removeDirectory, run, temporaryDirectory } from "./program.ts";

/** Who owns delivered mail; Postfix refuses to deliver as a system user. */
const MAIL_UID = 5000;

export interface PostfixOptions {
  readonly hostname?: string;
  /** Domains whose users get a Maildir, with the local parts that exist. */
  readonly mailboxes?: Readonly<Record<string, readonly string[]>>;
  /** Where mail for a domain goes: `"tayori.test": "smtp:[127.0.0.1]:2525"`. */
  readonly transports?: Readonly<Record<string, string>>;
  /** What the SMTP server demands of whoever connects. */
  readonly incomingTls?: "none" | "may" | "encrypt";
  /** What the SMTP client demands of whom it connects to. */
  readonly outgoingTls?: "none" | "may" | "encrypt";
  /** More lines of main.cf. */
  readonly settings?: readonly string[];
}

export class Postfix {
  readonly directory: string;
  readonly port: number;
  readonly certificate: Certificate;
  readonly #config: string;

  private constructor(directory: string, port: number, certificate: Certificate) {
    this.directory = directory;
    this.port = port;
    this.certificate = certificate;
    this.#config = join(directory, "etc");
  }
  static async start(options: PostfixOptions = {}): Promise<Postfix> {
    const directory = temporaryDirectory("postfix");
    // Its processes run as the user postfix and must reach the queue.
    chmodSync(directory, 0o755);
    const postfix = new Postfix(directory, await freePort(), await selfSigned(directory, [options.hostname ?? "postfix.peer.test"]));
    postfix.#configure(options);
    await postfix.up();
    return postfix;
  }
  #configure(options: PostfixOptions): void {
    for (const folder of ["etc", "queue", "data", "mail"]) mkdirSync(join(this.directory, folder));
    const postfixUid = ownerId("/etc/passwd", "postfix");
    chownSync(join(this.directory, "data"), postfixUid, 0);
    chownSync(join(this.directory, "mail"), MAIL_UID, MAIL_UID);
    const mailboxes = Object.entries(options.mailboxes ?? {});
    this.#table("mailboxes", mailboxes.flatMap(([domain, users]) => users.map((user) => `${user}@${domain} ${domain}/${user}/`)));
    this.setTransports(options.transports ?? {});
    writeFileSync(join(this.#config, "main.cf"), [
      "compatibility_level = 3.6", `queue_directory = ${join(this.directory, "queue")}`, `data_directory = ${join(this.directory, "data")}`,
      "command_directory = /usr/sbin", "daemon_directory = /usr/lib/postfix/sbin", "mail_owner = postfix", "setgid_group = postdrop",
      `maillog_file = ${join(this.directory, "maillog")}`, `maillog_file_prefixes = ${this.directory}`,
      `myhostname = ${options.hostname ?? "postfix.peer.test"}`, "mydestination =", "inet_interfaces = 127.0.0.1", "inet_protocols = ipv4",
      "mynetworks = 127.0.0.0/8", "smtp_dns_support_level = disabled", "biff = no", "alias_maps =", "local_recipient_maps =",
      `virtual_mailbox_domains = ${mailboxes.map(([domain]) => domain).join(" ")}`, `virtual_mailbox_maps = texthash:${join(this.#config, "mailboxes")}`,
      `virtual_mailbox_base = ${join(this.directory, "mail")}`, `virtual_uid_maps = static:${MAIL_UID}`, `virtual_gid_maps = static:${MAIL_UID}`,
      `transport_maps = texthash:${join(this.#config, "transports")}`, "smtpd_recipient_restrictions = permit_mynetworks, reject",
      `smtpd_tls_security_level = ${options.incomingTls ?? "may"}`, `smtp_tls_security_level = ${options.outgoingTls ?? "may"}`,
      `smtpd_tls_cert_file = ${this.certificate.cert}`, `smtpd_tls_key_file = ${this.certificate.key}`,
      "smtpd_tls_received_header = yes", "smtpd_tls_loglevel = 1", "smtp_tls_loglevel = 1", "smtputf8_enable = yes",
      "minimal_backoff_time = 5s", "maximal_backoff_time = 10s", "queue_run_delay = 5s", ...(options.settings ?? []), "",
    ].join("\n"));
    writeFileSync(join(this.#config, "master.cf"), masterServices(this.port));
  }
  #table(name: string, lines: readonly string[]): void {
    writeFileSync(join(this.#config, name), [...lines, ""].join("\n"));
  }
  setTransports(transports: Readonly<Record<string, string>>): void {
    this.#table("transports", Object.entries(transports).map(([domain, to]) => `${domain} ${to}`));
  }
  async up(): Promise<void> {
    await mustRun("postfix", ["-c", this.#config, "start"]);
    await eventually("Postfix answering", async () => (await run("bash", ["-c", `exec 3<>/dev/tcp/127.0.0.1/${this.port} && head -c3 <&3`])).stdout === "220" ? true : undefined);
  }
  async down(): Promise<void> {
    const pid = this.#masterPid();
    await run("postfix", ["-c", this.#config, "stop"]);
    if (pid !== null) await eventually("Postfix's end", () => (processEnded(pid) ? true : undefined));
  }
  async reload(): Promise<void> {
    await mustRun("postfix", ["-c", this.#config, "reload"]);
  }
  /** Tries everything in the queue now. */
  async flush(): Promise<void> {
    await mustRun("postqueue", ["-c", this.#config, "-f"]);
  }
  #masterPid(): number | null {
    const file = join(this.directory, "queue/pid/master.pid");
    return existsSync(file) ? Number(readFileSync(file, "utf8")) : null;
  }
  async dispose(): Promise<void> {
    await this.down();
    removeDirectory(this.directory);
  }
  get log(): string {
    const file = join(this.directory, "maillog");
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  }
  /** The messages delivered to an address so far. */
  delivered(address: string): string[] {
    const [user = "", domain = ""] = address.split("@");
    const folder = join(this.directory, "mail", domain, user, "new");
    return existsSync(folder) ? readdirSync(folder).sort().map((file) => readFileSync(join(folder, file), "latin1")) : [];
  }
  /** Waits for the first delivered message that contains `mark`. */
  awaitDelivered(address: string, mark: string, timeoutMs = 30_000): Promise<string> {
    return eventually(`a message with ${mark} for ${address} at Postfix`, () => this.delivered(address).find((text) => text.includes(mark)), timeoutMs);
  }
}

/** master.cf: service, type, private, unprivileged, chroot, wake-up, process limit, command. Nothing is in a chroot. */
function masterServices(port: number): string {
  const internal = (service: string, command = service, limit = "-"): string => `${service} unix - - n - ${limit} ${command}`;
  const lines = [
    `127.0.0.1:${port} inet n - n - - smtpd`, "postlog unix-dgram n - n - 1 postlogd", "pickup unix n - n 60 1 pickup", "cleanup unix n - n - 0 cleanup",
    "qmgr unix n - n 300 1 qmgr", "flush unix n - n 1000? 0 flush", "showq unix n - n - - showq", "tlsmgr unix - - n 1000? 1 tlsmgr",
    internal("rewrite", "trivial-rewrite"), internal("bounce", "bounce", "0"), internal("defer", "bounce", "0"), internal("trace", "bounce", "0"),
    internal("verify", "verify", "1"), internal("proxymap"), internal("smtp"), internal("relay", "smtp"), internal("error"), internal("retry", "error"),
    internal("discard"), internal("lmtp"), internal("anvil", "anvil", "1"), internal("scache", "scache", "1"), "virtual unix - n n - - virtual",
  ];
  return `${lines.join("\n")}\n`;
}

/** The numeric id of a name in /etc/passwd or /etc/group. */
export function ownerId(file: "/etc/passwd" | "/etc/group", name: string): number {
  const line = readFileSync(file, "utf8").split("\n").find((entry) => entry.startsWith(`${name}:`));
  const id = line?.split(":")[2];
  if (id === undefined) throw new Error(`${file} has no ${name}`);
  return Number(id);
}
