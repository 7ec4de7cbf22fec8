/** A Dovecot instance of its own for benchmarks: sdbox, LMTP, one password for all, plain text logins on loopback, services that keep running. */
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "./ports.ts";
import { ownerId } from "./postfix.ts";
import { eventually, processEnded, programPath, removeDirectory, run, temporaryDirectory } from "./program.ts";

const MAIL_UID = 5000;

export class Dovecot {
  readonly directory: string;
  readonly imapPort: number;
  readonly lmtpPort: number;
  readonly #config: string;

  private constructor(directory: string, imapPort: number, lmtpPort: number) {
    this.directory = directory;
    this.imapPort = imapPort;
    this.lmtpPort = lmtpPort;
    this.#config = join(directory, "dovecot.conf");
  }
  static async start(password: string): Promise<Dovecot> {
    const directory = temporaryDirectory("dovecot");
    chmodSync(directory, 0o755);
    const dovecot = new Dovecot(directory, await freePort(), await freePort());
    for (const folder of ["mail", "run", "state"]) mkdirSync(join(directory, folder));
    chownSync(join(directory, "mail"), MAIL_UID, MAIL_UID);
    writeFileSync(dovecot.#config, configuration(directory, dovecot.imapPort, dovecot.lmtpPort, password));
    await dovecot.up();
    return dovecot;
  }
  async up(): Promise<void> {
    // The daemon keeps its standard error, so it gets a file instead of a pipe that would never close.
    const output = join(this.directory, "output");
    const { code } = await run("bash", ["-c", `${programPath("dovecot")} -c ${this.#config} > ${output} 2>&1 < /dev/null`]);
    if (code !== 0) throw new Error(`dovecot did not start: ${readFileSync(output, "utf8")}${this.log}`);
    await eventually("Dovecot answering", async () => (await run("bash", ["-c", `exec 3<>/dev/tcp/127.0.0.1/${this.imapPort} && head -c4 <&3`])).stdout === "* OK" ? true : undefined);
  }
  async down(): Promise<void> {
    const file = join(this.directory, "run/master.pid");
    const pid = existsSync(file) ? Number(readFileSync(file, "utf8")) : null;
    await run("dovecot", ["-c", this.#config, "stop"]);
    if (pid !== null) await eventually("Dovecot's end", () => (processEnded(pid) ? true : undefined));
  }
  async dispose(): Promise<void> {
    await this.down();
    removeDirectory(this.directory);
  }
  get log(): string {
    const file = join(this.directory, "log");
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  }
}

/** The settings of doc.dovecot.org's "high-performance mode" for logins, fsync left on as it is for mail that was accepted. */
function configuration(directory: string, imapPort: number, lmtpPort: number, password: string): string {
  // Fails early when the package is missing.
  ownerId("/etc/passwd", "dovecot");
  return `
protocols = imap lmtp
base_dir = ${directory}/run
state_dir = ${directory}/state
log_path = ${directory}/log
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain
auth_username_format = %Ln
mail_location = sdbox:${directory}/mail/%n
mail_uid = ${MAIL_UID}
mail_gid = ${MAIL_UID}
first_valid_uid = ${MAIL_UID}
mail_fsync = optimized
mail_max_userip_connections = 0
passdb {
  driver = static
  args = password=${password}
}
userdb {
  driver = static
  args = uid=${MAIL_UID} gid=${MAIL_UID} home=${directory}/mail/%n allow_all_users=yes
}
namespace inbox {
  inbox = yes
}
service imap-login {
  service_count = 0
  process_min_avail = 2
  client_limit = 1000
  inet_listener imap {
    port = ${imapPort}
  }
  inet_listener imaps {
    port = 0
  }
}
service imap {
  service_count = 256
  process_min_avail = 2
}
service lmtp {
  process_min_avail = 4
  inet_listener lmtp {
    address = 127.0.0.1
    port = ${lmtpPort}
  }
}
service auth {
  client_limit = 5000
}
service anvil {
  client_limit = 5000
}
service stats {
  client_limit = 5000
}
protocol lmtp {
  auth_username_format = %Ln
}
`;
}
