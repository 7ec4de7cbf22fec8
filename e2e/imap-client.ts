/** A small IMAP4rev1/rev2 client: any number of commands in flight, literals both ways, unsolicited responses kept. */
import { atomOf, type ImapValue, itemsOf, numberOf, type RawResponse, stringOf, textOf, valuesOf } from "./imap-value.ts";
import { LineStream, StreamEnded } from "./stream.ts";

export interface Completion {
  readonly status: "OK" | "NO" | "BAD";
  /** Response code without brackets, such as "APPENDUID 1 7". */
  readonly code: string | null;
  readonly text: string;
  /** Untagged responses that came before the tagged one, since the tagged one before it. */
  readonly untagged: readonly RawResponse[];
}
export interface Fetched {
  readonly sequence: number;
  readonly items: ReadonlyMap<string, ImapValue>;
}
interface Waiting {
  readonly tag: string;
  readonly resolve: (completion: Completion) => void;
  readonly reject: (error: unknown) => void;
}

export class ImapClient {
  readonly stream: LineStream;
  greeting = "";
  capabilities: ReadonlySet<string> = new Set();
  /** Called for each untagged response as it comes. */
  onUntagged: ((line: string) => void) | null = null;
  #tag = 0;
  #waiting: Waiting[] = [];
  #untagged: RawResponse[] = [];
  #continuations: { readonly resolve: (text: string) => void; readonly reject: (error: unknown) => void }[] = [];
  #reading = false;
  #ended: unknown = null;

  private constructor(stream: LineStream) {
    this.stream = stream;
    this.stream.timeoutMs = 60_000;
  }
  static async connect(port: number, options: { readonly tls?: boolean } = {}): Promise<ImapClient> {
    const client = new ImapClient(await LineStream.connect(port, options));
    client.greeting = (await client.stream.line()).toString();
    client.#noteCapabilities(/\[CAPABILITY ([^\]]*)\]/i.exec(client.greeting)?.[1]);
    return client;
  }
  /** Connected and logged in. */
  static async open(port: number, login: readonly [name: string, password: string], options: { readonly tls?: boolean } = {}): Promise<ImapClient> {
    const client = await ImapClient.connect(port, options);
    client.#noteCapabilities(codeArguments(await client.ok(`LOGIN ${quoted(login[0])} ${quoted(login[1])}`), "CAPABILITY"));
    return client;
  }
  #noteCapabilities(text: string | null | undefined): void {
    if (text !== null && text !== undefined) this.capabilities = new Set(text.toUpperCase().split(" "));
  }
  async startTls(): Promise<void> {
    const completion = await this.ok("STARTTLS");
    if (completion.untagged.length > 0) throw new Error("untagged responses before TLS");
    await this.#idleReader();
    await this.stream.startTls();
  }

  /** Sends one command; literals are octets between pieces of text. Any number may be in flight. */
  send(...pieces: readonly (string | Uint8Array)[]): Promise<Completion> {
    const tag = `e${++this.#tag}`;
    const done = new Promise<Completion>((resolve, reject) => this.#waiting.push({ tag, resolve, reject }));
    if (this.#ended !== null) return this.#failed(this.#ended);
    const plus = this.capabilities.has("LITERAL+");
    const out: Uint8Array[] = [Buffer.from(`${tag} `)];
    const sync: (() => Promise<void>)[] = [];
    for (const piece of pieces) {
      if (typeof piece === "string") { out.push(Buffer.from(piece)); continue; }
      out.push(Buffer.from(plus ? `{${piece.length}+}\r\n` : `{${piece.length}}\r\n`));
      if (!plus) {
        const before = Buffer.concat(out.splice(0));
        sync.push(async () => { const go = this.#continuation(); this.stream.write(before); this.#read(); await go; });
      }
      out.push(piece);
    }
    out.push(Buffer.from("\r\n"));
    if (sync.length === 0) this.stream.write(Buffer.concat(out));
    // A refused literal ends the command with its tagged reply, which `done` reports.
    else void this.#inOrder(sync, out).catch(() => undefined);
    this.#read();
    return done;
  }
  async #inOrder(sync: readonly (() => Promise<void>)[], rest: readonly Uint8Array[]): Promise<void> {
    for (const step of sync) await step();
    this.stream.write(Buffer.concat(rest));
  }
  #failed(error: unknown): Promise<Completion> {
    this.#waiting.pop();
    return Promise.reject(error);
  }
  #continuation(): Promise<string> {
    return new Promise((resolve, reject) => this.#continuations.push({ resolve, reject }));
  }
  /** Sends and rejects unless the answer is OK. */
  async ok(...pieces: readonly (string | Uint8Array)[]): Promise<Completion> {
    const completion = await this.send(...pieces);
    if (completion.status === "OK") return completion;
    const command = pieces.map((piece) => (typeof piece === "string" ? piece : `<${piece.length} octets>`)).join("");
    throw new Error(`${command.slice(0, 200)}: ${completion.status} [${completion.code}] ${completion.text}`);
  }

  #read(): void {
    if (this.#reading || this.#ended !== null) return;
    this.#reading = true;
    this.#readLoop().catch((error: unknown) => {
      this.#ended = error;
      for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
      for (const waiting of this.#continuations.splice(0)) waiting.reject(error);
    }).finally(() => {
      this.#reading = false;
      if (this.#waiting.length > 0) this.#read();
    });
  }
  async #readLoop(): Promise<void> {
    while (this.#waiting.length > 0) this.#take(await this.#response());
  }
  async #idleReader(): Promise<void> {
    while (this.#reading) await new Promise((resolve) => setImmediate(resolve));
  }
  async #response(): Promise<RawResponse> {
    const texts: Buffer[] = [];
    const literals: Buffer[] = [];
    for (;;) {
      const line = await this.stream.line();
      texts.push(line);
      const match = /\{(\d+)\}$/.exec(line.subarray(-24).toString("latin1"));
      if (match === null) return { texts, literals };
      literals.push(await this.stream.octets(Number(match[1])));
    }
  }
  #take(response: RawResponse): void {
    const text = response.texts[0] ?? Buffer.alloc(0);
    if (text[0] === 0x2b) {
      const next = this.#continuations.shift();
      if (next === undefined) throw new Error(`an unexpected continuation: ${text.toString()}`);
      next.resolve(text.subarray(2).toString());
      return;
    }
    if (text[0] === 0x2a) {
      this.#untagged.push(response);
      this.onUntagged?.(text.toString());
      if (/^\* BYE/i.test(text.toString("latin1"))) this.#noteCapabilities(null);
      return;
    }
    const match = /^(\S+) (OK|NO|BAD) ?(?:\[((?:[^\]"]|"(?:[^"\\]|\\.)*")*)\])? ?(.*)$/s.exec(text.toString());
    const waiting = this.#waiting.shift();
    if (match === null || waiting === undefined || match[1] !== waiting.tag) throw new Error(`not the tagged reply ${waiting?.tag}: ${text.toString()}`);
    const status = match[2] === "OK" ? "OK" : match[2] === "NO" ? "NO" : "BAD";
    if (status !== "OK") for (const next of this.#continuations.splice(0)) next.reject(new Error("refused"));
    waiting.resolve({ status, code: match[3] ?? null, text: match[4] ?? "", untagged: this.#untagged.splice(0) });
  }

  /** Selects and gives what the server told: EXISTS and the numbers of the response codes. */
  async select(mailbox: string, verb: "SELECT" | "EXAMINE" = "SELECT"): Promise<Selected> {
    const { untagged } = await this.ok(`${verb} ${quoted(mailbox)}`);
    const text = untagged.map((response) => response.texts[0]?.toString() ?? "").join("\n");
    const number = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? Number.NaN);
    return { exists: number(/^\* (\d+) EXISTS/m), uidNext: number(/\[UIDNEXT (\d+)\]/), uidValidity: number(/\[UIDVALIDITY (\d+)\]/), text };
  }
  /** Appends octet for octet. The UID when the server gives APPENDUID (RFC 4315). */
  async append(mailbox: string, content: Uint8Array, options: { readonly flags?: string; readonly date?: string } = {}): Promise<Completion & { readonly uid: number | null }> {
    const date = options.date === undefined ? "" : `"${options.date}" `;
    const completion = await this.send(`APPEND ${quoted(mailbox)} ${options.flags === undefined ? "" : `(${options.flags}) `}${date}`, content);
    const uid = /^APPENDUID \d+ (\d+)$/.exec(completion.code ?? "")?.[1];
    return { ...completion, uid: uid === undefined ? null : Number(uid) };
  }
  /** FETCH or UID FETCH; `items` as on the wire. */
  async fetch(set: string, items: string, options: { readonly uid?: boolean } = {}): Promise<Fetched[]> {
    const { untagged } = await this.ok(`${options.uid === true ? "UID " : ""}FETCH ${set} ${items}`);
    return fetchesIn(untagged);
  }
  /** The UIDs or numbers a SEARCH answered, from SEARCH or ESEARCH responses. */
  async search(criteria: string, options: { readonly uid?: boolean } = {}): Promise<number[]> {
    const { untagged } = await this.ok(`${options.uid === true ? "UID " : ""}SEARCH ${criteria}`);
    const line = untagged.map((response) => response.texts[0]?.toString() ?? "").find((text) => /^\* E?SEARCH/i.test(text)) ?? "";
    if (/^\* SEARCH/i.test(line)) return line.split(" ").slice(2).filter((word) => /^\d+$/.test(word)).map(Number);
    return expandSet(/ ALL (\S+)/i.exec(line)?.[1] ?? "");
  }
  /** Starts IDLE; `done` ends it. */
  async idle(onLine: (line: string) => void): Promise<{ done(): Promise<Completion> }> {
    this.onUntagged = onLine;
    const go = this.#continuation();
    const end = this.send("IDLE");
    // Whoever never ends IDLE does not learn that the connection broke.
    end.catch(() => undefined);
    await go;
    return { done: () => { this.stream.write("DONE\r\n"); return end; } };
  }
  async logout(): Promise<void> {
    await this.send("LOGOUT").catch((error: unknown) => { if (!(error instanceof StreamEnded)) throw error; });
    this.stream.destroy();
  }
}

export interface Selected {
  readonly exists: number;
  readonly uidNext: number;
  readonly uidValidity: number;
  /** All untagged responses. */
  readonly text: string;
}

export const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, "\\$&")}"`;

function codeArguments(completion: Completion, name: string): string | null {
  return completion.code !== null && completion.code.startsWith(`${name} `) ? completion.code.slice(name.length + 1) : null;
}

/** The FETCH responses among untagged ones. Item names are upper case, as the server wrote them otherwise. */
export function fetchesIn(untagged: readonly RawResponse[]): Fetched[] {
  const fetched: Fetched[] = [];
  for (const response of untagged) {
    if (!/^\* \d+ FETCH /i.test(response.texts[0]?.subarray(0, 40).toString("latin1") ?? "")) continue;
    const values = valuesOf(response);
    const list = itemsOf(values[3]);
    const items = new Map<string, ImapValue>();
    for (let i = 0; i + 1 < list.length; i += 2) items.set(atomOf(list[i]).toUpperCase(), list[i + 1] ?? { kind: "nil" });
    if (list.length % 2 !== 0) throw new Error(`a FETCH item without value: ${response.texts[0]?.toString().slice(0, 200)}`);
    fetched.push({ sequence: numberOf(values[1]), items });
  }
  return fetched;
}
export const uidOf = (fetched: Fetched): number => numberOf(fetched.items.get("UID"));
export const flagsOf = (fetched: Fetched): string[] => itemsOf(fetched.items.get("FLAGS")).map(textOf).sort();
/** The octets of a body section, such as "BODY[]". */
export function sectionOf(fetched: Fetched, name: string): Buffer {
  const bytes = stringOf(fetched.items.get(name));
  if (bytes === null) throw new Error(`${name} is NIL`);
  return bytes;
}

/** "1:3,7" to [1,2,3,7]. */
export function expandSet(set: string): number[] {
  return set.split(",").filter((range) => range !== "").flatMap((range) => {
    const [first, last] = range.split(":").map(Number);
    if (first === undefined) return [];
    const end = last ?? first;
    return Array.from({ length: Math.abs(end - first) + 1 }, (_, i) => Math.min(first, end) + i);
  });
}
