/** The values of IMAP responses (RFC 9051 section 4), parsed from a response whose literals were cut out. */

export type ImapValue =
  | { readonly kind: "nil" }
  | { readonly kind: "atom"; readonly text: string }
  /** A quoted string or a literal. */
  | { readonly kind: "string"; readonly bytes: Buffer }
  | { readonly kind: "list"; readonly items: readonly ImapValue[] };

/** A response as it came: text, with each literal kept apart. The text before a literal ends with its `{n}`. */
export interface RawResponse {
  readonly texts: readonly Buffer[];
  readonly literals: readonly Buffer[];
}

export function valuesOf(raw: RawResponse): ImapValue[] {
  return new Reader(raw).all();
}

class Reader {
  #raw: RawResponse;
  #part = 0;
  #at = 0;
  #text: string;

  constructor(raw: RawResponse) {
    this.#raw = raw;
    this.#text = raw.texts[0]?.toString("latin1") ?? "";
  }
  all(): ImapValue[] {
    const values = this.#items(null);
    if (this.#at < this.#text.length || this.#part < this.#raw.literals.length) this.#fail("something left over");
    return values;
  }
  #fail(why: string): never {
    throw new Error(`${why} at ${JSON.stringify(this.#text.slice(Math.max(0, this.#at - 40), this.#at + 40))} in ${JSON.stringify(this.#text.slice(0, 200))}`);
  }
  #items(close: ")" | null): ImapValue[] {
    const items: ImapValue[] = [];
    for (;;) {
      const next = this.#text[this.#at];
      if (next === undefined || next === ")") {
        if ((next ?? null) !== close) this.#fail("unbalanced parenthesis");
        return items;
      }
      if (next === " ") {
        // One space between values. RFC 9051's grammar has no empty values, and none between the parts of a multipart.
        if (items.length === 0 || this.#text[this.#at + 1] === " ") this.#fail("an empty value");
        this.#at++;
      }
      items.push(this.#value());
    }
  }
  #value(): ImapValue {
    const next = this.#text[this.#at];
    if (next === "(") {
      this.#at++;
      const items = this.#items(")");
      this.#at++;
      return { kind: "list", items };
    }
    if (next === '"') return this.#quoted();
    if (next === "{" || this.#text.startsWith("~{", this.#at)) return this.#literal();
    return this.#atom();
  }
  #quoted(): ImapValue {
    const end = /"((?:[^"\\\r\n]|\\["\\])*)"/y;
    end.lastIndex = this.#at;
    const match = end.exec(this.#text);
    if (match === null) this.#fail("a broken quoted string");
    this.#at = end.lastIndex;
    return { kind: "string", bytes: Buffer.from((match[1] ?? "").replaceAll(/\\(["\\])/g, "$1"), "latin1") };
  }
  #literal(): ImapValue {
    const bytes = this.#raw.literals[this.#part];
    const announced = /^~?\{(\d+)\}$/.exec(this.#text.slice(this.#at));
    if (bytes === undefined || announced === null || Number(announced[1]) !== bytes.length) this.#fail("a broken literal");
    this.#part++;
    this.#text = this.#raw.texts[this.#part]?.toString("latin1") ?? "";
    this.#at = 0;
    return { kind: "string", bytes };
  }
  /** Atoms, flags, numbers, and the section names of FETCH, whose brackets may hold spaces and parentheses. */
  #atom(): ImapValue {
    const start = this.#at;
    for (let depth = 0; this.#at < this.#text.length; this.#at++) {
      const char = this.#text[this.#at];
      if (char === "[") depth++;
      else if (char === "]") depth = Math.max(0, depth - 1);
      else if (depth === 0 && (char === " " || char === "(" || char === ")")) break;
    }
    if (this.#at === start) this.#fail("an empty atom");
    const text = this.#text.slice(start, this.#at);
    return text.toUpperCase() === "NIL" ? { kind: "nil" } : { kind: "atom", text };
  }
}

export function itemsOf(value: ImapValue | undefined): readonly ImapValue[] {
  if (value?.kind !== "list") throw new Error(`expected a list, got ${JSON.stringify(value)}`);
  return value.items;
}
export function atomOf(value: ImapValue | undefined): string {
  if (value?.kind !== "atom") throw new Error(`expected an atom, got ${JSON.stringify(value)}`);
  return value.text;
}
export function numberOf(value: ImapValue | undefined): number {
  const text = atomOf(value);
  if (!/^\d+$/.test(text)) throw new Error(`expected a number, got ${text}`);
  return Number(text);
}
/** An nstring: NIL is null. */
export function stringOf(value: ImapValue | undefined): Buffer | null {
  if (value?.kind === "nil") return null;
  if (value?.kind !== "string") throw new Error(`expected a string or NIL, got ${JSON.stringify(value)}`);
  return value.bytes;
}
/** An astring in a response: mailbox names come as atoms or strings. */
export function textOf(value: ImapValue | undefined): string {
  if (value?.kind === "nil") return "NIL";
  return value?.kind === "atom" ? value.text : (stringOf(value) ?? Buffer.alloc(0)).toString();
}

/** Checks a FETCH ENVELOPE against RFC 9051 section 7.5.2; throws where it differs. */
export function checkEnvelope(value: ImapValue | undefined): void {
  const fields = itemsOf(value);
  if (fields.length !== 10) throw new Error(`an envelope has 10 fields, not ${fields.length}`);
  for (const index of [0, 1, 8, 9]) stringOf(fields[index]);
  for (const index of [2, 3, 4, 5, 6, 7]) {
    const addresses = fields[index];
    if (addresses?.kind === "nil") continue;
    if (itemsOf(addresses).length === 0) throw new Error("an empty address list is NIL, not ()");
    for (const address of itemsOf(addresses)) {
      if (itemsOf(address).length !== 4) throw new Error("an address has 4 fields");
      itemsOf(address).forEach(stringOf);
    }
  }
}

const DEPTH_MAX = 200;

/** Checks a FETCH BODYSTRUCTURE (or BODY, with `extended: false`) against RFC 9051 section 7.5.2; throws where it differs. */
export function checkBody(value: ImapValue | undefined, extended: boolean, depth = 0): void {
  if (depth > DEPTH_MAX) throw new Error(`deeper than ${DEPTH_MAX}`);
  const items = itemsOf(value);
  const parts = items.findIndex((item) => item.kind !== "list");
  if (parts !== 0) {
    if (parts < 0) throw new Error("a multipart without subtype");
    for (const part of items.slice(0, parts)) checkBody(part, extended, depth + 1);
    mustString(items[parts]);
    checkExtension(items.slice(parts + 1), ["parameters", "disposition", "language", "string"], extended);
    return;
  }
  const type = mustString(items[0]).toLowerCase();
  const subtype = mustString(items[1]).toLowerCase();
  checkParameters(items[2]);
  stringOf(items[3]);
  stringOf(items[4]);
  mustString(items[5]);
  numberOf(items[6]);
  let next = 7;
  if (type === "message" && (subtype === "rfc822" || subtype === "global")) {
    checkEnvelope(items[next]);
    checkBody(items[next + 1], extended, depth + 1);
    numberOf(items[next + 2]);
    next += 3;
  } else if (type === "text") {
    numberOf(items[next]);
    next++;
  }
  checkExtension(items.slice(next), ["string", "disposition", "language", "string"], extended);
}

function mustString(value: ImapValue | undefined): string {
  const bytes = stringOf(value);
  if (bytes === null) throw new Error("NIL where a string must be");
  return bytes.toString("latin1");
}
function checkParameters(value: ImapValue | undefined): void {
  if (value?.kind === "nil") return;
  const items = itemsOf(value);
  if (items.length === 0 || items.length % 2 !== 0) throw new Error("parameters come in pairs, at least one");
  items.forEach(mustString);
}
type ExtensionField = "parameters" | "disposition" | "language" | "string";
function checkExtension(fields: readonly ImapValue[], kinds: readonly ExtensionField[], extended: boolean): void {
  if (!extended && fields.length > 0) throw new Error("BODY has no extension data");
  fields.forEach((field, index) => {
    switch (kinds[index]) {
      case "parameters": checkParameters(field); return;
      case "string": stringOf(field); return;
      case "disposition":
        if (field.kind === "nil") return;
        if (itemsOf(field).length !== 2) throw new Error("a disposition has a type and parameters");
        mustString(itemsOf(field)[0]);
        checkParameters(itemsOf(field)[1]);
        return;
      case "language":
        if (field.kind === "list") field.items.forEach(mustString);
        else stringOf(field);
        return;
      case undefined: return;
    }
  });
}
