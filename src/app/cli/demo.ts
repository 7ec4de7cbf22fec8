/** tayori demo: everything on this machine only, ready to be tried, in a folder that can be thrown away. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join, relative } from "node:path";
import { NodeRandom } from "../../adapter/node-random.ts";
import { parseAddress, type Address } from "../../address/address.ts";
import { assert } from "../../base/assert.ts";
import type { RunningServer } from "../server.ts";
import { readSettings, writeProblem } from "../settings.ts";
import type { OpenDirectory } from "../wire.ts";
import { activateKeys, generateKeys } from "./dkim.ts";
import { failed, type CliIo, type CommandResult } from "./io.ts";
import { serveUntilTold, type Assemble } from "./serve.ts";

const FOLDER = ".tayori";
const ADDRESS = "demo@example.test";
/** Where each listener would like to be; the next free port is taken. */
const PORTS = { smtp: 2525, submission: 2587, submissions: 2465, imap: 2143, imaps: 2993, http: 2080 } as const;
const PORTS_TRIED = 100;
const BASE32 = "0123456789abcdefghjkmnpqrstvwxyz";

export async function demo(io: CliIo, assemble: Assemble): Promise<CommandResult> {
  const folder = join(io.cwd, FOLDER);
  const config = join(folder, "tayori.toml");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (!existsSync(config)) {
    const text = await writeConfig();
    if (text === null) return failed("unavailable", `no free port was found within ${PORTS_TRIED} of ${Object.values(PORTS).join(", ")}`);
    writeFileSync(config, text, { mode: 0o600, flag: "wx" });
  }
  const answer = readSettings(config);
  if (answer.kind === "refused") return { kind: "failed", code: 2, because: "settings", message: answer.problems.map(writeProblem).join("\n") };
  const { settings } = answer;
  return serveUntilTold(settings, io, assemble, async (places, open) => {
    const password = await ensureAccount(open, join(folder, "demo-password"));
    if (typeof password !== "string") return password.detail;
    const keyTrouble = await ensureKeys(open);
    if (keyTrouble !== null) return keyTrouble;
    io.out(writeInstructions(places, { password, cert: relative(io.cwd, settings.tls.certPath), config: relative(io.cwd, config) }));
    return null;
  });
}

async function writeConfig(): Promise<string | null> {
  const lines = ["# Made by `npm start`. For this machine only: everything listens on loopback.", 'hostname = "mx.example.test"', 'default-domain = "example.test"', "", "[store]", 'url = "sqlite:tayori.db"', "", "[listen]"];
  const taken = new Set<number>();
  for (const [kind, wanted] of Object.entries(PORTS)) {
    const port = await freePort(wanted, taken);
    if (port === null) return null;
    taken.add(port);
    lines.push(`${kind} = ["127.0.0.1:${port}"]`);
  }
  return `${lines.join("\n")}\n`;
}

async function freePort(from: number, taken: ReadonlySet<number>): Promise<number | null> {
  for (let port = from; port < from + PORTS_TRIED; port++) if (!taken.has(port) && (await isFree(port))) return port;
  return null;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ host: "127.0.0.1", port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

/** Makes the domain and the account where they are not there yet. The password lies in the folder, for this machine's owner to read. */
async function ensureAccount({ directory }: OpenDirectory, passwordPath: string): Promise<string | { readonly detail: string }> {
  const address: Address | null = parseAddress(ADDRESS);
  assert(address !== null, "the demo's address is one");
  const hosted = await directory.addDomain(address.domain);
  if (hosted.kind === "unavailable") return hosted;
  const kept = existsSync(passwordPath) ? readFileSync(passwordPath, "utf8").trim() : "";
  const password = kept === "" ? [...new NodeRandom().bytes(16)].map((octet) => BASE32[octet % 32]!).join("") : kept;
  if (kept === "") writeFileSync(passwordPath, `${password}\n`, { mode: 0o600 });
  const added = await directory.addAccount({ address, password, name: "Demo", language: "ja" });
  if (added.kind === "added") return password;
  if (added.kind !== "exists") return { detail: added.kind === "unavailable" ? added.detail : `${ADDRESS} cannot be made: ${added.kind}` };
  const changed = kept === "" ? await directory.setPassword(address, password) : ({ kind: "done" } as const);
  return changed.kind === "done" ? password : { detail: `the password of ${ADDRESS} cannot be set: ${changed.kind}` };
}

/** Keys that sign the demo's mail. No DNS shows them, so that only this machine can verify what they sign. */
async function ensureKeys(open: OpenDirectory): Promise<string | null> {
  const address = parseAddress(ADDRESS);
  assert(address !== null, "the demo's address is one");
  const { domain } = address;
  const listed = await open.signingKeys.list(domain);
  if (listed.kind !== "list") return listed.detail;
  if (listed.entries.length > 0) return null;
  const made = await generateKeys(open, domain, { both: true });
  const active = made.kind === "done" ? await activateKeys(open, { resolve: async () => ({ kind: "failure", because: "timeout" }) }, { domain, selector: null, force: true }) : made;
  return active.kind === "failed" ? active.message : null;
}

/** What to type next, in Japanese and English. The certificate made beside the store is the one that curl is told to trust. */
export function writeInstructions(places: RunningServer["places"], { password, cert, config }: { readonly password: string; readonly cert: string; readonly config: string }): string {
  const login = `--cacert ${cert} --ssl-reqd --user '${ADDRESS}:${password}'`;
  const send = `printf 'From: ${ADDRESS}\\r\\nTo: ${ADDRESS}\\r\\nSubject: Hello\\r\\n\\r\\nHello from Tayori.\\r\\n' | curl -sS ${login} --mail-from ${ADDRESS} --mail-rcpt ${ADDRESS} -T - smtp://${places.submission?.[0]}`;
  const read = `curl -sS ${login} 'imap://${places.imap?.[0]}/INBOX;MAILINDEX=1'`;
  const list = `npm run -s tayori -- --config ${config} account list`;
  return `
Tayori (便り) が動いています。別の端末で次を入力してください。終わるには Ctrl-C。
Tayori is running. Type this in another terminal. Ctrl-C ends it.

1. メールを送る / send a mail
   ${send}

2. 受信箱の最初のメールを読む / read the first mail in the inbox
   ${read}

3. 管理コマンド / administer
   ${list}

メールソフトの設定 / for a mail program: ${ADDRESS}, ${password}
   IMAP ${places.imap?.[0]} (STARTTLS), ${places.imaps?.[0]} (TLS)    SMTP ${places.submission?.[0]} (STARTTLS), ${places.submissions?.[0]} (TLS)
   http://${places.http?.[0]}/metrics
`;
}
