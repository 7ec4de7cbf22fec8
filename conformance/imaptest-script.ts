/** Reads the scripted tests of imaptest: a header, then commands with what is expected of them. */
import { readFileSync } from "node:fs";

export interface Script {
  readonly header: ReadonlyMap<string, string>;
  readonly groups: readonly Group[];
}
/** Commands of one connection that are sent at once, and what has to be heard until all are completed. */
export interface Group {
  /** From 1. */
  readonly connection: number;
  readonly commands: readonly { readonly tag: string | null; readonly text: string; /** What the tagged response is to begin with; "" for anything. */ expected: string | null }[];
  readonly untagged: readonly { readonly mark: "*" | "!" | "?"; readonly text: string }[];
  readonly line: number;
}

const COMPLETION = /^(ok|no|bad|"")(?: (.*))?$/is;

export function readScript(path: string): Script {
  const [head, ...rest] = splitOnce(readFileSync(path, "latin1"));
  const header = new Map(head!.split("\n").filter((line) => !line.startsWith("#")).map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()] as const));
  const several = Number(header.get("connections") ?? 1) > 1;
  return { header, groups: groupsOf(logicalLines(rest.join("")), several, head!.split("\n").length + 1) };
}
function splitOnce(text: string): [string, string] {
  const at = text.indexOf("\n\n");
  return [text.slice(0, at), text.slice(at + 2)];
}

/** Lines with their literals, which become `{n}` CRLF octets; comments and blocks for other servers left out. */
function logicalLines(text: string): { text: string; number: number }[] {
  const lines = text.split("\n");
  const found: { text: string; number: number }[] = [];
  let skipping = false;
  for (let at = 0; at < lines.length; at++) {
    const number = at;
    let line = lines[at]!;
    while (line.endsWith("{{{")) {
      const binary = line.endsWith("~{{{");
      const content: string[] = [];
      for (at++; !lines[at]!.startsWith("}}}"); at++) content.push(lines[at]!);
      const octets = content.join(binary ? "\n" : "\r\n");
      line = `${line.slice(0, -3)}{${octets.length}}\r\n${octets}${lines[at]!.slice(3)}`;
    }
    if (line.startsWith("!ifenv")) skipping = true;
    else if (line.startsWith("!else") || line.startsWith("!ifnenv")) skipping = line.startsWith("!else") && !skipping;
    else if (line.startsWith("!endif")) skipping = false;
    else if (!skipping && line.trim() !== "" && !line.startsWith("#")) found.push({ text: line, number });
  }
  return found;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };

function groupsOf(lines: readonly { text: string; number: number }[], several: boolean, offset: number): Group[] {
  const groups: Group[] = [];
  let open: Mutable<Group> | null = null;
  const begin = (connection: number, number: number): Mutable<Group> => {
    const group = { connection, commands: [], untagged: [], line: number + offset };
    groups.push(group);
    return group;
  };
  for (const { text, number } of lines) {
    const untagged = /^([*!?]) (.*)$/s.exec(text);
    if (untagged !== null) {
      groups.at(-1)!.untagged satisfies readonly unknown[];
      (groups.at(-1)! as Mutable<Group>).untagged.push({ mark: untagged[1] as "*" | "!" | "?", text: untagged[2]! });
      continue;
    }
    const [, numbered, rest] = (several ? /^(\d+) (.*)$/s : /^()(.*)$/s).exec(text)!;
    const connection = several ? Number(numbered) : 1;
    const tagged = /^(tag\w*) (.*)$/is.exec(rest!);
    const completion = COMPLETION.exec(tagged?.[2] ?? rest!);
    const pending = open?.commands.find((command) => command.expected === null && command.tag === (tagged?.[1] ?? null));
    if (completion !== null && pending !== undefined) {
      pending.expected = completionText(completion);
      if (open!.commands.every((command) => command.expected !== null)) open = null;
    } else if (completion !== null) {
      begin(connection, number).commands.push({ tag: null, text: completion[2] ?? "", expected: completionText([completion[0], completion[1]!, ""]) });
    } else {
      open ??= begin(connection, number);
      open.commands.push({ tag: tagged?.[1] ?? null, text: tagged?.[2] ?? rest!, expected: null });
    }
  }
  return groups;
}
function completionText([, word, prefix]: readonly (string | undefined)[]): string {
  return word === '""' ? "" : `${word} ${prefix ?? ""}`.trim();
}
