/** Where in the text of a TOML file a key stands: the parser forgets it, and an error without its line is half an error. */

type Path = readonly string[];

/**
 * The 1-based line on which the value at `path` was written; where it is missing, the line of the table it would belong to;
 * line 1 where not even that is there. Elements of arrays and of inline tables have the line of their key.
 */
export function lineOf(source: string, path: Path): number {
  let best = { line: 1, depth: 0 };
  let table: Path = [];
  const consider = (at: Path, line: number): void => {
    if (at.length > best.depth && at.length <= path.length && at.every((part, i) => part === path[i])) best = { line, depth: at.length };
  };
  // Inside a multi-line string or array nothing is a key.
  let until: RegExp | null = null;
  let open = 0;
  for (const [index, text] of source.split(/\r?\n/).entries()) {
    if (until !== null) {
      if (until.test(text)) until = null;
      continue;
    }
    if (open > 0) {
      open += brackets(text);
      continue;
    }
    const header = /^\s*\[\[?([^\]]+)\]\]?\s*(?:#.*)?$/.exec(text);
    if (header !== null) {
      table = parseKey(header[1]!);
      consider(table, index + 1);
      continue;
    }
    const [, key, value] = /^\s*((?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_\-.\s])+?)\s*=\s*(.*)$/.exec(text) ?? [];
    if (key === undefined || value === undefined) continue;
    consider([...table, ...parseKey(key)], index + 1);
    const quotes = /^("""|''')/.exec(value)?.[1];
    if (quotes !== undefined && !value.slice(3).includes(quotes)) until = new RegExp(quotes);
    else open = brackets(value);
  }
  return best.line;
}

/** Opened minus closed square brackets outside strings and comments. */
function brackets(text: string): number {
  const bare = text.replace(/"(?:[^"\\]|\\.)*"|'[^']*'/g, "").replace(/#.*/, "");
  return bare.split("[").length - bare.split("]").length;
}

/** A dotted key: bare, or quoted in parts. */
function parseKey(text: string): string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+)/g)].map(([, double, single, bare]) => double ?? single ?? bare ?? "");
}
