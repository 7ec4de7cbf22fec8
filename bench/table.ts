/** One line of the result: what was measured on each side, and how the ratio stands to its target. */
export interface Comparison {
  readonly name: string;
  readonly unit: "msg/s" | "ms";
  /** One value per round. */
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
  /** How many times better we must be; null where no target was set. */
  readonly target: number | null;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return Number.isInteger(middle) ? (upper + (sorted[middle - 1] ?? Number.NaN)) / 2 : upper;
}

/** How many times better we are, from the medians: more messages per second, or fewer milliseconds. */
export function ratio(comparison: Comparison): number {
  const ours = median(comparison.ours);
  const theirs = median(comparison.theirs);
  return comparison.unit === "ms" ? theirs / ours : ours / theirs;
}

/** Written as Markdown, so that it can be pasted as it is. */
export function table(comparisons: readonly Comparison[], names: { readonly ours: string; readonly theirs: string }): string {
  const rows = comparisons.map((comparison) => {
    const times = ratio(comparison);
    const verdict = comparison.target === null ? "" : times >= comparison.target ? "reached" : "MISSED";
    return [comparison.name, comparison.unit, spread(comparison.ours), spread(comparison.theirs), `${times.toFixed(2)}x`, comparison.target === null ? "-" : `>= ${comparison.target}x`, verdict];
  });
  const head = ["measurement", "unit", names.ours, names.theirs, "ratio", "target", ""];
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

/** The median, with the least and the greatest round where there were several. */
function spread(values: readonly number[]): string {
  const show = (value: number): string => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));
  const middle = show(median(values));
  return values.length < 2 ? middle : `${middle} (${show(Math.min(...values))}-${show(Math.max(...values))})`;
}
