/** Which file answers which command. */
import { unreachable } from "../base/assert.ts";
import type { Command } from "../smtp/command.ts";
import { auth } from "./command/auth.ts";
import { bdat } from "./command/bdat.ts";
import { data } from "./command/data.ts";
import { ehlo, helo } from "./command/ehlo.ts";
import { expn } from "./command/expn.ts";
import { help } from "./command/help.ts";
import { mail } from "./command/mail.ts";
import { noop } from "./command/noop.ts";
import { quit } from "./command/quit.ts";
import { rcpt } from "./command/rcpt.ts";
import { rset } from "./command/rset.ts";
import { starttls } from "./command/starttls.ts";
import { vrfy } from "./command/vrfy.ts";
import type { Outcome, Session } from "./session.ts";

export function runCommand(session: Session, command: Command): Promise<Outcome> | Outcome {
  switch (command.verb) {
    case "EHLO": return ehlo(session, command);
    case "HELO": return helo(session, command);
    case "MAIL": return mail(session, command);
    case "RCPT": return rcpt(session, command);
    case "DATA": return data(session);
    case "BDAT": return bdat(session, command);
    case "RSET": return rset(session);
    case "VRFY": return vrfy(session);
    case "EXPN": return expn(session);
    case "HELP": return help(session);
    case "NOOP": return noop(session);
    case "QUIT": return quit();
    case "STARTTLS": return starttls(session);
    case "AUTH": return auth(session, command);
    default: return unreachable(command);
  }
}
