/** The two sides of the benchmark: each takes mail on one port and shows it on another. */
import { Dovecot } from "../e2e/dovecot.ts";
import { Postfix } from "../e2e/postfix.ts";
import { TayoriServer } from "../e2e/server.ts";

export const DOMAIN = "bench.test";
export const PASSWORD = "pass";
export const USERS = 20;

export interface Side {
  readonly name: string;
  readonly smtpPort: number;
  readonly imapPort: number;
  dispose(): Promise<void>;
}

/** user1 to user20 for deliveries, bench for the IMAP measurements. */
const LOCAL_PARTS = ["bench", ...Array.from({ length: USERS }, (_, i) => `user${i + 1}`)];

/** Postfix hands every message over by LMTP to Dovecot, which keeps it in sdbox. */
export async function postfixDovecot(): Promise<Side> {
  const dovecot = await Dovecot.start(PASSWORD);
  const lmtp = `lmtp:[127.0.0.1]:${dovecot.lmtpPort}`;
  const postfix = await Postfix.start({
    hostname: "mx.bench.test",
    settings: [`relay_domains = ${DOMAIN}`, "relay_recipient_maps =", "lmtp_destination_concurrency_limit = 20"],
    transports: { [DOMAIN]: lmtp },
  });
  return {
    name: "Postfix+Dovecot", smtpPort: postfix.port, imapPort: dovecot.imapPort,
    dispose: async () => { await postfix.dispose(); await dovecot.dispose(); },
  };
}

export async function tayori(): Promise<Side> {
  const server = await TayoriServer.start({
    domains: [DOMAIN], accounts: LOCAL_PARTS.map((user) => `${user}@${DOMAIN}`), password: PASSWORD, defaultDomain: DOMAIN, cleartextLoopback: true,
  });
  return { name: "Tayori", smtpPort: server.port("smtp"), imapPort: server.port("imap"), dispose: () => server.dispose() };
}
