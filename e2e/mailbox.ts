/** Looking into mailboxes of the server under test. */
import { type Fetched, flagsOf, ImapClient, sectionOf, uidOf } from "./imap-client.ts";
import { eventually } from "./program.ts";
import { PASSWORD, type TayoriServer } from "./server.ts";

export interface StoredMessage {
  readonly uid: number;
  readonly flags: readonly string[];
  readonly internalDate: string;
  readonly content: Buffer;
}

/** A client over TLS, logged in with the password all test accounts have. */
export const open = (server: TayoriServer, name = "user@tayori.test", password = PASSWORD): Promise<ImapClient> =>
  ImapClient.open(server.port("imaps"), [name, password], { tls: true });

/** Everything in one mailbox, without changing it. */
export async function contents(client: ImapClient, mailbox = "INBOX"): Promise<StoredMessage[]> {
  const { exists } = await client.select(mailbox, "EXAMINE");
  if (exists === 0) return [];
  return (await client.fetch("1:*", "(UID FLAGS INTERNALDATE BODY.PEEK[])")).map(storedMessage);
}
function storedMessage(fetched: Fetched): StoredMessage {
  const date = fetched.items.get("INTERNALDATE");
  if (date?.kind !== "string") throw new Error("INTERNALDATE is not a string");
  return { uid: uidOf(fetched), flags: flagsOf(fetched).filter((flag) => flag !== "\\Recent"), internalDate: date.bytes.toString("latin1").trim(), content: sectionOf(fetched, "BODY[]") };
}

/** Waits for the first message whose octets contain `mark`. */
export async function awaitMessage(client: ImapClient, mark: string, mailbox = "INBOX", timeoutMs = 20_000): Promise<StoredMessage> {
  return eventually(`a message with ${mark} in ${mailbox}`, async () => (await contents(client, mailbox)).find((message) => message.content.includes(mark)), timeoutMs);
}

/** The header as one text, folded lines joined. */
export function header(content: Buffer): string {
  const end = content.indexOf("\r\n\r\n", 0, "latin1");
  return content.subarray(0, end < 0 ? content.length : end + 2).toString("latin1").replaceAll(/\r\n[ \t]+/g, " ");
}
