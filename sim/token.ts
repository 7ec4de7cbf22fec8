/** Every message of an actor has a token of its own in its header. A report has one only in what it returns. */
export function tokenOf(content: Buffer): string | null {
  const header = content.toString("latin1", 0, content.indexOf("\r\n\r\n"));
  return /(?:^|\n)X-Token: (t\d+)(?:\r|$)/.exec(header)?.[1] ?? null;
}
