/** Values of IMAP responses and how imaptest's scripts describe them: variables, unordered lists, directives. */

export type Value = { readonly kind: "text"; readonly text: string; readonly quoted: boolean } | { readonly kind: "list"; readonly items: readonly Value[] };

/** Reads a line into values. Octets are latin1; a literal is `{n}` CRLF octets. */
export function readValues(line: string): Value[] {
  let at = 0;
  const list = (close: string): Value[] => {
    const items: Value[] = [];
    for (;;) {
      while (line[at] === " ") at++;
      if (at >= line.length) return items;
      if (close !== "" && line[at] === close) {
        at++;
        return items;
      }
      items.push(value());
    }
  };
  const value = (): Value => {
    if (line[at] === "(") {
      at++;
      return { kind: "list", items: list(")") };
    }
    if (line[at] === '"') {
      let text = "";
      for (at++; at < line.length && line[at] !== '"'; at++) text += line[at] === "\\" ? line[++at]! : line[at]!;
      at++;
      return { kind: "text", text, quoted: true };
    }
    const literal = /^~?\{(\d+)\+?\}\r\n/.exec(line.slice(at, at + 40));
    if (literal !== null) {
      const from = at + literal[0].length;
      at = from + Number(literal[1]);
      return { kind: "text", text: line.slice(from, at), quoted: true };
    }
    const from = at;
    // What stands in brackets belongs to the word: BODY[HEADER.FIELDS (DATE)]<0>.
    for (let depth = 0; at < line.length && (depth > 0 || !/[ ()]/.test(line[at]!) || at === from); at++) depth += line[at] === "[" ? 1 : line[at] === "]" ? -1 : 0;
    return { kind: "text", text: line.slice(from, at), quoted: false };
  };
  return list("");
}

/** Variables of a script; what is not set yet takes what the server says. */
export class Variables {
  readonly #values: Map<string, string>;
  /** Numbers of the messages as they were when the command began, in today's order. */
  readonly #numbers: readonly number[];

  constructor(values: Iterable<readonly [string, string]>, numbers: readonly number[] = []) {
    this.#values = new Map(values);
    this.#numbers = numbers;
  }
  /** A copy, to try a match that may fail. */
  fork(numbers: readonly number[] = this.#numbers): Variables {
    return new Variables(this.#values, numbers);
  }
  get entries(): Iterable<readonly [string, string]> {
    return this.#values;
  }
  set(name: string, value: string): void {
    this.#values.set(name, value);
  }
  /** Text with its variables put in; null where one is not known. `$$` is a dollar. */
  expand(text: string): string | null {
    let known = true;
    const expanded = text.replace(/\$(?:\$|\{([^}]*)\}|([A-Za-z0-9_]+))/g, (whole, braced: string | undefined, plain: string | undefined) => {
      if (whole === "$$") return "$";
      const name = (braced ?? plain)!;
      if (name.startsWith("case:")) return name.slice(5);
      const value = /^\d+$/.test(name) ? this.#numberOf(Number(name)) : (this.#values.get(name) ?? null);
      known &&= value !== null;
      return value ?? "";
    });
    return known ? expanded : null;
  }
  #numberOf(initial: number): string | null {
    const at = this.#numbers.indexOf(initial);
    return at < 0 ? null : String(at + 1);
  }
}

interface ListRules {
  /** 0: in order; n: chains of n elements in any order. */
  unordered: number;
  extra: boolean;
  readonly ignore: string[];
  readonly ban: string[];
}
/** imaptest compares as C does: up to a NUL, and without case. */
const comparable = (text: string): string => text.split("\0")[0]!.toLowerCase();
const textOf = (value: Value): string | null => (value.kind === "text" ? comparable(value.text) : null);

/** Whether the response is as described; variables that had no value have one then. `prefix`: more may follow at the top. */
export function matches(expected: readonly Value[], actual: readonly Value[], variables: Variables, prefix: boolean): boolean {
  if (prefix ? actual.length < expected.length : actual.length !== expected.length) return false;
  const words = expected.map((value) => textOf(value));
  return expected.every((value, i) => matchesValue(value, actual[i]!, variables, topRules(words, i)));
}
function topRules(words: readonly (string | null)[], at: number): ListRules | null {
  const isFetch = words[1] === "fetch" && at === 2;
  const isList = (words[0] === "list" || words[0] === "lsub") && at === 1;
  const isStatus = words[0] === "status" && at === 2;
  return isFetch || isStatus ? rules(2, true) : isList ? rules(1, true) : null;
}
function rules(unordered: number, extra: boolean, ignore: string[] = []): ListRules {
  return { unordered, extra, ignore, ban: [] };
}

function matchesValue(expected: Value, actual: Value, variables: Variables, defaults: ListRules | null): boolean {
  if (expected.kind === "list") return actual.kind === "list" && matchesList(expected.items, actual.items, variables, defaults);
  if (!expected.quoted && expected.text === "$") return true;
  if (actual.kind !== "text") return false;
  const expanded = variables.expand(expected.text);
  if (expanded !== null) return comparable(expanded) === comparable(actual.text);
  const name = /^\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?$/.exec(expected.text)?.[1];
  if (name === undefined) return false;
  variables.set(name, actual.text);
  return true;
}

function matchesList(items: readonly Value[], actual: readonly Value[], variables: Variables, defaults: ListRules | null): boolean {
  const directives = items.filter((item) => item.kind === "text" && item.text.startsWith("$!"));
  const wanted = items.filter((item) => !directives.includes(item));
  const how = directives.length === 0 || (defaults?.unordered === 2 && directives.every((one) => textOf(one)!.startsWith("$!ban"))) ? (defaults ?? rules(0, false)) : directed(directives, defaults);
  if (how.unordered === 0) return wanted.length === actual.length && wanted.every((value, i) => matchesValue(value, actual[i]!, variables, null));
  return matchesChains(wanted, actual, variables, how);
}
function directed(directives: readonly Value[], defaults: ListRules | null): ListRules {
  const how = rules(defaults?.unordered ?? 0, true);
  for (const directive of directives) {
    const [, word, value = ""] = /^\$!([a-z]+)(?:=(.*))?$/.exec(textOf(directive)!)!;
    if (word === "ordered") how.unordered = 0;
    else if (word === "unordered") how.unordered = value === "" ? 1 : Number(value);
    else if (word === "noextra") how.extra = false;
    else if (word === "extra") how.extra = true;
    else if (word === "ignore") how.ignore.push(value);
    else if (word === "ban") how.ban.push(value);
    else throw new Error(`directive ${word} is not known`);
  }
  return how;
}
function matchesChains(wanted: readonly Value[], actual: readonly Value[], variables: Variables, how: ListRules): boolean {
  const left = chains(actual, how.unordered);
  for (const chain of chains(wanted, how.unordered)) {
    const at = left.findIndex((other) => {
      const trial = variables.fork();
      const same = chain.length === other.length && chain.every((value, i) => matchesValue(value, other[i]!, trial, i === 1 && textOf(chain[0]!) === "flags" ? rules(1, false, ["\\recent"]) : null));
      if (same) for (const [name, text] of trial.entries) variables.set(name, text);
      return same;
    });
    if (at < 0) return false;
    left.splice(at, 1);
  }
  if (left.some((chain) => how.ban.includes(textOf(chain[0]!) ?? ""))) return false;
  return how.extra || left.every((chain) => how.ignore.includes(textOf(chain[0]!) ?? ""));
}
function chains(values: readonly Value[], length: number): Value[][] {
  const found: Value[][] = [];
  for (let at = 0; at < values.length; at += length) found.push(values.slice(at, at + length));
  return found;
}
