/** SMTP commands as values, and how they are written (RFC 5321 section 4.1.1, 3030, 3207, 4954). */
import type { ReversePath } from "../address/address.ts";
import { assert } from "../base/assert.ts";
import type { MailParameters, RcptParameters } from "./parameter.ts";
import { writeMailParameters, writeRcptParameters } from "./parameter.ts";
import type { ForwardPath } from "./path.ts";
import { writeForwardPath, writeReversePath } from "./path.ts";

export type Command =
  /** The domain or address literal, as written: printable US-ASCII without spaces. */
  | { readonly verb: "EHLO"; readonly domain: string }
  | { readonly verb: "HELO"; readonly domain: string }
  /** `internationalized`: the path was written with octets above 127, which needs SMTPUTF8 (RFC 6531 section 3.2). */
  | { readonly verb: "MAIL"; readonly reversePath: ReversePath; readonly internationalized: boolean; readonly parameters: MailParameters }
  | { readonly verb: "RCPT"; readonly forwardPath: ForwardPath; readonly internationalized: boolean; readonly parameters: RcptParameters }
  | { readonly verb: "DATA" }
  /** `size` octets follow the line at once (RFC 3030 section 2). */
  | { readonly verb: "BDAT"; readonly size: number; readonly last: boolean }
  | { readonly verb: "RSET" }
  | { readonly verb: "VRFY"; readonly argument: string }
  | { readonly verb: "EXPN"; readonly argument: string }
  | { readonly verb: "HELP"; readonly argument: string }
  | { readonly verb: "NOOP"; readonly argument: string }
  | { readonly verb: "QUIT" }
  | { readonly verb: "STARTTLS" }
  /** `initial` is base64 as written, "" for "=" (an empty initial response), null for none (RFC 4954 section 4). */
  | { readonly verb: "AUTH"; readonly mechanism: string; readonly initial: string | null };

export type Verb = Command["verb"];
export type CommandOf<V extends Verb> = Extract<Command, { readonly verb: V }>;

/** One line with CRLF, in UTF-8. A line break or another control character in an argument is a programmer's error: it would be a second command. */
export function writeCommand(command: Command): Buffer {
  const line = lineOf(command);
  assert(!/[\x00-\x08\x0a-\x1f\x7f]/.test(line), "a command is one line");
  return Buffer.from(`${line}\r\n`, "utf8");
}

function lineOf(command: Command): string {
  switch (command.verb) {
    case "EHLO":
    case "HELO":
      return `${command.verb} ${command.domain}`;
    case "MAIL":
      return `MAIL FROM:${writeReversePath(command.reversePath)}${writeMailParameters(command.parameters)}`;
    case "RCPT":
      return `RCPT TO:${writeForwardPath(command.forwardPath)}${writeRcptParameters(command.parameters)}`;
    case "BDAT":
      return `BDAT ${command.size}${command.last ? " LAST" : ""}`;
    case "VRFY":
    case "EXPN":
    case "HELP":
    case "NOOP":
      return command.argument === "" ? command.verb : `${command.verb} ${command.argument}`;
    case "AUTH":
      return `AUTH ${command.mechanism}${command.initial === null ? "" : ` ${command.initial === "" ? "=" : command.initial}`}`;
    case "DATA":
    case "RSET":
    case "QUIT":
    case "STARTTLS":
      return command.verb;
  }
}
