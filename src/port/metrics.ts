/** Numbers for operators. Names are `tayori_…` with the unit last (`_total`, `_seconds`, `_bytes`). */
export type Labels = Readonly<Record<string, string>>;

export interface Metrics {
  /** Adds to a counter that only rises. */
  count(name: string, labels?: Labels, by?: number): void;
  /** Sets a gauge. */
  gauge(name: string, value: number, labels?: Labels): void;
  /** One observation of a histogram, in the unit the name ends with. */
  observe(name: string, value: number, labels?: Labels): void;
}

export const noMetrics: Metrics = { count() {}, gauge() {}, observe() {} };
