/** Reads a command line, on the server's side (RFC 5321 section 4.1.1). What is wrong with a line is a value the server answers. */
import { isUtf8 } from "node:buffer";
import type { Command } from "./command.ts";
import { HELLO_BYTES_MAX } from "./limits.ts";
import type { ParametersAnswer } from "./parameter.ts";
import { parseMailParameters, parseRcptParameters } from "./parameter.ts";
import { cutPath, parseForwardPath, parseReversePath } from "./path.ts";

export type CommandProblem =
  /** 500: no such verb. */
  | "unknown-verb"
  /** 500: control characters, or octets that are not UTF-8. */
  | "not-text"
  /** 501: an argument is missing, malformed, or not allowed. */
  | "bad-argument"
  /** 501: MAIL's or RCPT's path. */
  | "bad-reverse-path"
  | "bad-forward-path"
  /** 501 and 555: a parameter's value, or the parameter itself (RFC 5321 section 4.1.1.11). */
  | "bad-parameter"
  | "unknown-parameter"
  /** 501, and the octets that follow cannot be told from commands: close. */
  | "bad-chunk-size";

export type CommandAnswer = { readonly kind: "command"; readonly command: Command } | { readonly kind: "problem"; readonly problem: CommandProblem };

const problem = (what: CommandProblem): CommandAnswer => ({ kind: "problem", problem: what });
const found = (command: Command): CommandAnswer => ({ kind: "command", command });

/** `line` is without its CRLF. Verbs and keywords are read without case; spaces at the end are ignored (RFC 5321 section 4.1.1). */
export function parseCommand(line: Buffer): CommandAnswer {
  if (!isUtf8(line)) return problem("not-text");
  const text = line.toString("utf8");
  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(text)) return problem("not-text");
  const match = /^([A-Za-z]+)(?:[ \t]+(.*))?$/s.exec(text);
  if (match === null) return problem("unknown-verb");
  const argument = (match[2] ?? "").trimEnd();
  const verb = match[1]!.toUpperCase();
  switch (verb) {
    case "EHLO":
    case "HELO":
      return parseHello(verb, argument);
    case "MAIL":
      return parseMail(argument);
    case "RCPT":
      return parseRcpt(argument);
    case "DATA":
    case "RSET":
    case "QUIT":
    case "STARTTLS":
      return argument === "" ? found({ verb }) : problem("bad-argument");
    case "BDAT":
      return parseBdat(argument);
    case "VRFY":
    case "EXPN":
      return argument === "" ? problem("bad-argument") : found({ verb, argument });
    case "HELP":
    case "NOOP":
      return found({ verb, argument });
    case "AUTH":
      return parseAuth(argument);
    default:
      return problem("unknown-verb");
  }
}

/** The name is not checked to be a domain: RFC 5321 section 4.1.4 forbids to refuse mail for it, and it is evidence as it is. */
function parseHello(verb: "EHLO" | "HELO", argument: string): CommandAnswer {
  if (!/^[\x21-\x7e]+$/.test(argument) || argument.length > HELLO_BYTES_MAX) return problem("bad-argument");
  return found({ verb, domain: argument });
}

function parseMail(argument: string): CommandAnswer {
  const from = /^FROM:[ \t]*/i.exec(argument);
  if (from === null) return problem("bad-argument");
  const cut = cutPath(argument.slice(from[0].length));
  const reversePath = cut === null ? null : parseReversePath(cut.inside);
  if (cut === null || reversePath === null) return problem("bad-reverse-path");
  const answer = parseMailParameters(cut.rest);
  if (answer.kind !== "parameters") return badParameters(answer);
  return found({ verb: "MAIL", reversePath, internationalized: hasUtf8(cut.inside), parameters: answer.parameters });
}

function parseRcpt(argument: string): CommandAnswer {
  const to = /^TO:[ \t]*/i.exec(argument);
  if (to === null) return problem("bad-argument");
  const cut = cutPath(argument.slice(to[0].length));
  const forwardPath = cut === null ? null : parseForwardPath(cut.inside);
  if (cut === null || forwardPath === null) return problem("bad-forward-path");
  const answer = parseRcptParameters(cut.rest);
  if (answer.kind !== "parameters") return badParameters(answer);
  return found({ verb: "RCPT", forwardPath, internationalized: hasUtf8(cut.inside), parameters: answer.parameters });
}

function badParameters(answer: Exclude<ParametersAnswer<never>, { kind: "parameters" }>): CommandAnswer {
  return problem(answer.kind === "unknown" ? "unknown-parameter" : "bad-parameter");
}

function parseBdat(argument: string): CommandAnswer {
  const match = /^([0-9]{1,20})(?:[ \t]+(LAST))?$/i.exec(argument);
  const size = Number(match?.[1]);
  if (match === null || !Number.isSafeInteger(size)) return problem("bad-chunk-size");
  return found({ verb: "BDAT", size, last: match[2] !== undefined });
}

/** RFC 4422 section 3.1: a mechanism name has at most 20 characters. Whether the base64 is right is for the exchange to say. */
function parseAuth(argument: string): CommandAnswer {
  const match = /^([A-Za-z0-9_-]{1,20})(?:[ \t]+(\S+))?$/.exec(argument);
  if (match === null) return problem("bad-argument");
  const initial = match[2] === undefined ? null : match[2] === "=" ? "" : match[2];
  return found({ verb: "AUTH", mechanism: match[1]!.toUpperCase(), initial });
}

function hasUtf8(text: string): boolean {
  return /[^\x00-\x7f]/.test(text);
}
