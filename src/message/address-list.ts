/** Address lists of header fields (RFC 5322 section 3.4, obsolete forms of section 4.4), read as IMAP's ENVELOPE wants them. */
import { addressesMax } from "./limits.ts";
import { isBlank } from "./octets.ts";
import { quotedStringAt } from "./parameters.ts";

/**
 * An address as IMAP's ENVELOPE has it (RFC 9051 section 7.5.2). Text is raw: encoded words stay encoded, quotes are gone.
 * Start of a group: `host` null and `mailbox` its name. End of a group: all null.
 */
export interface EnvelopeAddress {
  readonly name: string | null;
  /** Source route (obs-route), "@a,@b". */
  readonly adl: string | null;
  readonly mailbox: string | null;
  readonly host: string | null;
}

/** As Dovecot says what is missing: null would make a group of it. */
export const MISSING_MAILBOX = "MISSING_MAILBOX";
export const MISSING_DOMAIN = "MISSING_DOMAIN";

const GROUP_END: EnvelopeAddress = { name: null, adl: null, mailbox: null, host: null };
/** Only what `isBlank` knows parts words: a wide space (U+3000) inside a name belongs to it. */
const ATOM = /[^ \t\r\n"(),:;<>@[\]]+/y;
const JUNK = /[)>[\]]/;

/** Reads unfolded text; makes the best of broken input. At most `addressesMax` addresses. */
export function parseAddressList(text: string): EnvelopeAddress[] {
  return new AddressList(text).read();
}

interface Word {
  readonly text: string;
  readonly quoted: boolean;
}

class AddressList {
  readonly #text: string;
  readonly #out: EnvelopeAddress[] = [];
  #at = 0;
  #words: Word[] = [];
  /** The last comment of the address, which was its name before RFC 822 had phrases. */
  #comment: string | null = null;
  #inGroup = false;
  /** Behind "<...>": words up to the comma belong to nothing, unless another address follows. */
  #afterAngle = false;

  constructor(text: string) {
    this.#text = text;
  }

  read(): EnvelopeAddress[] {
    while (this.#skipComments() < this.#text.length && this.#out.length < addressesMax) this.#step(this.#text[this.#at]!);
    this.#finishBare();
    if (this.#inGroup) this.#out.push(GROUP_END);
    return this.#out;
  }

  #step(char: string): void {
    switch (char) {
      case ",":
        this.#at++;
        return this.#finishBare();
      case ";":
        this.#at++;
        this.#finishBare();
        if (this.#inGroup) this.#out.push(GROUP_END);
        this.#inGroup = false;
        return;
      case ":":
        this.#at++;
        return this.#startGroup();
      case "<":
        this.#at++;
        return this.#angle();
      case "@":
        return this.#finishAddress();
      case '"': {
        const quoted = quotedStringAt(this.#text, this.#at);
        this.#words.push({ text: quoted.text, quoted: true });
        this.#at = quoted.end;
        return;
      }
      default:
        if (!this.#atom() && JUNK.test(char)) this.#at++;
    }
  }

  #atom(): boolean {
    ATOM.lastIndex = this.#at;
    const match = ATOM.exec(this.#text);
    if (match === null) return false;
    this.#words.push({ text: match[0], quoted: false });
    this.#at += match[0].length;
    return true;
  }

  /** Blanks and comments; keeps the last comment. Answers where it stops. */
  #skipComments(): number {
    const text = this.#text;
    for (; this.#at < text.length; this.#at++) {
      const code = text.charCodeAt(this.#at);
      if (code === 40) this.#readComment();
      else if (!isBlank(code)) break;
    }
    return Math.min(this.#at, text.length);
  }

  /** Leaves `#at` on the closing parenthesis, or behind the end when there is none. */
  #readComment(): void {
    const start = this.#at + 1;
    let depth = 0;
    for (; this.#at < this.#text.length; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === 92) this.#at++;
      else if (code === 40) depth++;
      else if (code === 41 && --depth === 0) break;
    }
    this.#comment = this.#text.slice(start, this.#at).replace(/\\(.)/g, "$1").trim();
  }

  #startGroup(): void {
    // A second colon inside a group, or one without a name, is a stray character.
    if (this.#inGroup || this.#words.length === 0) return;
    this.#out.push({ name: null, adl: null, mailbox: this.#phrase()!, host: null });
    this.#inGroup = true;
    this.#reset();
  }

  /** Behind "<" (RFC 5322 section 3.4 angle-addr, section 4.4 obs-route). */
  #angle(): void {
    const name = this.#phrase();
    this.#reset();
    const adl = this.#route();
    while (this.#skipComments() < this.#text.length) {
      const char = this.#text[this.#at]!;
      if (char === ">" || char === "<" || char === "," || char === ";") break;
      if (char === "@") {
        this.#at++;
        this.#push(name, adl, this.#localPart().text, this.#domain());
        break;
      }
      this.#step(char === ":" ? ")" : char);
      if (char === ":") this.#at++;
    }
    if (!this.#afterAngle) this.#push(name, adl, this.#localPart().text, "");
    if (this.#text[this.#at] === ">") this.#at++;
    this.#reset();
    this.#afterAngle = true;
  }

  /** "@a,@b:" in front of an address; null when there is none. Left alone when no colon ends it. */
  #route(): string | null {
    if (this.#skipComments() >= this.#text.length || this.#text[this.#at] !== "@") return null;
    const end = this.#text.slice(this.#at, this.#at + 1024).search(/[:>]/);
    if (end < 0 || this.#text[this.#at + end] !== ":") return null;
    const route = this.#text.slice(this.#at, this.#at + end).replace(/\s+/g, "");
    this.#at += end + 1;
    return route;
  }

  /** At "@" outside of brackets: the words in front are a local part, and a name before it when there are more. */
  #finishAddress(): void {
    this.#at++;
    const { text, name } = this.#localPart();
    const host = this.#domain();
    // The comment that names the address follows it.
    if (host !== "") this.#skipComments();
    this.#push(name ?? this.#comment, null, text, host);
    this.#reset();
  }

  /** At a comma or the end: words without an "@" are a mailbox of this host. */
  #finishBare(): void {
    if (this.#words.length > 0 && !this.#afterAngle) this.#push(this.#comment, null, this.#phrase() ?? "", "");
    this.#reset();
    this.#afterAngle = false;
  }

  #push(name: string | null, adl: string | null, mailbox: string, host: string): void {
    this.#afterAngle = true;
    this.#out.push({ name: name === "" ? null : name, adl, mailbox: mailbox === "" ? MISSING_MAILBOX : mailbox, host: host === "" ? MISSING_DOMAIN : host });
  }

  #reset(): void {
    this.#words = [];
    this.#comment = null;
  }

  #phrase(): string | null {
    return this.#words.length === 0 ? null : this.#words.map((word) => word.text).join(" ");
  }

  /** The last word, with those that dots join to it (obs-local-part); the words before it are a name. */
  #localPart(): { readonly text: string; readonly name: string | null } {
    const words = this.#words;
    let first = words.length - 1;
    while (first > 0 && (isDot(words[first]!, 0) || isDot(words[first - 1]!, -1))) first--;
    const name = first > 0 ? words.slice(0, first).map((word) => word.text).join(" ") : null;
    return { text: words.slice(Math.max(first, 0)).map((word) => word.text).join(""), name };
  }

  /** A domain behind "@": atoms with blanks and comments between, or a literal. "" when there is none. */
  #domain(): string {
    const parts: string[] = [];
    while (this.#skipComments() < this.#text.length) {
      if (this.#text[this.#at] === "[") {
        const end = this.#text.indexOf("]", this.#at);
        const literal = this.#text.slice(this.#at, end < 0 ? undefined : end + 1);
        this.#at += literal.length;
        return parts.join("") + literal.replace(/\s+/g, "");
      }
      ATOM.lastIndex = this.#at;
      const atom = ATOM.exec(this.#text)?.[0];
      if (atom === undefined) break;
      if (parts.length > 0 && !atom.startsWith(".") && !parts.at(-1)!.endsWith(".")) break;
      parts.push(atom);
      this.#at += atom.length;
    }
    return parts.join("");
  }
}

function isDot(word: Word, at: number): boolean {
  return !word.quoted && word.text.at(at) === ".";
}
