/** APPEND (RFC 9051 section 6.3.12), with several messages (RFC 3502) and UTF-8 ones (RFC 6855 section 4). */
import type { AppendMessage, Command } from "./command.ts";
import { parseDateTime } from "./date-time.ts";
import { refuse } from "./scanner.ts";
import type { Scanner } from "./scanner.ts";

export function parseAppend(scanner: Scanner): Command {
  scanner.space();
  const mailbox = scanner.mailbox();
  const messages: AppendMessage[] = [];
  scanner.space();
  // The number of literals is bounded by the reader.
  do messages.push(appendMessage(scanner));
  while (scanner.more());
  return { kind: "append", mailbox, messages };
}

function appendMessage(scanner: Scanner): AppendMessage {
  let flags: readonly string[] = [];
  if (scanner.isAtList()) {
    flags = scanner.flagList();
    scanner.space();
  }
  let internalDate: number | null = null;
  if (scanner.isAt('"')) {
    internalDate = parseDateTime(scanner.string("a date and time").toString("latin1")) ?? refuse('Expected a date and time such as "17-Jul-1996 02:44:25 -0700"');
    scanner.space();
  }
  if (scanner.isAtLiteral()) {
    const { octets, binary } = scanner.literal();
    if (!binary && octets.includes(0)) refuse("The message has NUL in it; send it as a literal8");
    return { flags, internalDate, content: octets, binary, utf8: false };
  }
  if (scanner.keyword("the message as a literal") !== "UTF8") refuse("Expected the message as a literal");
  scanner.space();
  scanner.expect("(");
  const { octets, binary } = scanner.literal();
  if (!binary) refuse("UTF8 needs a literal8");
  scanner.expect(")");
  return { flags, internalDate, content: octets, binary, utf8: true };
}
