/** A small SMTP client (RFC 5321) that can also misbehave on purpose. */
import { LineStream, type StreamOptions } from "./stream.ts";

export interface SmtpReply {
  readonly code: number;
  /** The text of each line, enhanced code included. */
  readonly lines: readonly string[];
  /** RFC 2034, of the last line. */
  readonly enhanced: string | null;
}
export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  /** Lines ended by CRLF; dot-stuffing is done here. */
  readonly content: Uint8Array | string;
  /** Parameters of MAIL FROM, such as "BODY=8BITMIME". */
  readonly parameters?: string;
}

export class SmtpClient {
  readonly stream: LineStream;
  greeting: SmtpReply = { code: 0, lines: [], enhanced: null };
  /** The keywords of the last EHLO reply in upper case, with their parameters. */
  extensions: readonly string[] = [];

  private constructor(stream: LineStream) {
    this.stream = stream;
  }
  static async connect(port: number, options: StreamOptions = {}): Promise<SmtpClient> {
    const client = new SmtpClient(await LineStream.connect(port, options));
    client.greeting = await client.reply();
    return client;
  }
  /** Connected, EHLO said; under TLS and logged in where asked. Rejects when a step is refused. */
  static async open(port: number, options: { readonly tls?: "implicit" | "starttls"; readonly login?: readonly [name: string, password: string] } = {}): Promise<SmtpClient> {
    const client = await SmtpClient.connect(port, { tls: options.tls === "implicit" });
    await client.ehlo();
    if (options.tls === "starttls") await client.startTls();
    if (options.login !== undefined) expectCode(await client.authPlain(...options.login), 235);
    return client;
  }

  async reply(): Promise<SmtpReply> {
    const lines: string[] = [];
    for (;;) {
      const line = (await this.stream.line()).toString();
      const match = /^(\d{3})([- ])(.*)$/.exec(line) ?? /^(\d{3})()()$/.exec(line);
      if (match === null) throw new Error(`not an SMTP reply line: ${JSON.stringify(line)}`);
      lines.push(match[3] ?? "");
      if (match[2] === "-") continue;
      return { code: Number(match[1]), lines, enhanced: /^[245]\.\d{1,3}\.\d{1,3}(?= |$)/.exec(match[3] ?? "")?.[0] ?? null };
    }
  }
  command(line: string): Promise<SmtpReply> {
    this.stream.write(`${line}\r\n`);
    return this.reply();
  }
  async ehlo(name = "client.test"): Promise<SmtpReply> {
    const reply = expectCode(await this.command(`EHLO ${name}`), 250);
    this.extensions = reply.lines.slice(1).map((line) => line.toUpperCase());
    return reply;
  }
  async startTls(): Promise<void> {
    expectCode(await this.command("STARTTLS"), 220);
    await this.stream.startTls();
    await this.ehlo();
  }
  authPlain(name: string, password: string): Promise<SmtpReply> {
    return this.command(`AUTH PLAIN ${Buffer.from(`\0${name}\0${password}`).toString("base64")}`);
  }
  /** One mail transaction. The reply is the first refusal, or the answer to the end of data. */
  async send(mail: Mail): Promise<SmtpReply> {
    const from = await this.command(`MAIL FROM:<${mail.from}>${mail.parameters === undefined ? "" : ` ${mail.parameters}`}`);
    if (from.code !== 250) return from;
    for (const to of mail.to) {
      const reply = await this.command(`RCPT TO:<${to}>`);
      if (reply.code !== 250) return reply;
    }
    const data = await this.command("DATA");
    if (data.code !== 354) return data;
    this.stream.write(dotStuffed(Buffer.from(mail.content)));
    return this.reply();
  }
  async quit(): Promise<void> {
    await this.command("QUIT").catch(() => undefined);
    this.stream.destroy();
  }
}

/** The same octets as they go over the wire: dots doubled, the end of data added (RFC 5321 section 4.5.2). */
export function dotStuffed(content: Buffer): Buffer {
  const parts: Buffer[] = [];
  let from = 0;
  if (content[0] === 0x2e) parts.push(Buffer.from("."));
  for (let at = content.indexOf("\r\n.", 0, "latin1"); at >= 0; at = content.indexOf("\r\n.", at + 2, "latin1")) {
    parts.push(content.subarray(from, at + 2), Buffer.from("."));
    from = at + 2;
  }
  const end = content.length === 0 || content.subarray(-2).toString("latin1") === "\r\n" ? ".\r\n" : "\r\n.\r\n";
  parts.push(content.subarray(from), Buffer.from(end));
  return Buffer.concat(parts);
}

export function expectCode(reply: SmtpReply, code: number): SmtpReply {
  if (reply.code !== code) throw new Error(`expected ${code}, got ${reply.code} ${reply.lines.join(" / ")}`);
  return reply;
}

/** A message with the fields every one needs. Lines are joined by CRLF. */
export function message(fields: { readonly from?: string; readonly to?: string; readonly subject: string; readonly id?: string }, ...lines: readonly string[]): string {
  return [
    `From: ${fields.from ?? "sender@peer.test"}`, `To: ${fields.to ?? "user@tayori.test"}`, `Subject: ${fields.subject}`,
    "Date: Tue, 24 Nov 2026 09:00:00 +0900", `Message-ID: <${fields.id ?? `${fields.subject.replaceAll(/[^A-Za-z0-9]+/g, "-")}.${process.hrtime.bigint()}@peer.test`}>`,
    "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit", "",
    ...(lines.length === 0 ? ["hello"] : lines), "",
  ].join("\r\n");
}
