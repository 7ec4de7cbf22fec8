import type { Command } from "../../imap/command.ts";
import { type Completion, ok } from "../response.ts";
import type { Session } from "../session.ts";

/** RFC 2971. The client's name and version go into the log, nothing else it says. */
export function id(session: Session, command: Extract<Command, { kind: "id" }>): Completion {
  const said = (name: string): string | null => command.fields?.find((field) => field.name.toLowerCase() === name)?.value?.slice(0, 60) ?? null;
  session.log.info("imap-client", { name: said("name"), version: said("version") });
  session.writer.ascii("* ID (\"name\" \"Tayori\" \"version\" ").quoted(session.deps.settings.version).ascii(")\r\n");
  return ok("Done");
}
