/** Writes signature fields, folded (RFC 6376 section 3.5; RFC 8617 section 4.1), in US-ASCII. */

/** Characters of a line, without its line end (RFC 5322 section 2.1.1 wants 78 at most). */
const LINE_MAX = 76;

/**
 * `Name: a=…; b=` with all tags in the order given and an empty b= last, without a line end: the text that is signed. Folds stand
 * between tags, and in h= behind a colon.
 */
export function unsignedField(name: string, tags: readonly (readonly [name: string, value: string])[]): string {
  let field = `${name}:`;
  let column = field.length;
  for (const [tag, value] of [...tags, ["b", ""] as const]) {
    const text = `${tag}=${value}${tag === "b" ? "" : ";"}`;
    const pieces = tag === "h" ? text.split(/(?<=:)/) : [text];
    for (const [index, piece] of pieces.entries()) {
      // A tag stands behind a blank; the names in a list follow each other without one.
      const blank = index === 0 ? 1 : 0;
      if (column + blank + piece.length > LINE_MAX) {
        field += "\r\n\t";
        column = 1;
      } else if (blank === 1) {
        field += " ";
        column++;
      }
      field += piece;
      column += piece.length;
    }
  }
  return field;
}

/** The field with its signature, folded, and its line end. A verifier deletes the value of b= with all its folds. */
export function signedField(unsigned: string, signature: Buffer): string {
  const base64 = signature.toString("base64");
  const column = unsigned.length - unsigned.lastIndexOf("\n") - 1;
  let room = LINE_MAX - column;
  let field = unsigned;
  for (let at = 0; at < base64.length; room = LINE_MAX - 1) {
    if (at > 0 || room <= 0) field += "\r\n\t";
    const piece = base64.slice(at, at + (room > 0 ? room : LINE_MAX - 1));
    field += piece;
    at += piece.length;
  }
  return `${field}\r\n`;
}
