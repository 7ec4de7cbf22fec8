import { AggregatorRegistry, Counter, Gauge, Histogram, Registry, collectDefaultMetrics, exponentialBuckets } from "prom-client";
import type { Labels, Metrics } from "../port/metrics.ts";

/** Series of one metric above which new label values are dropped: a label that a peer can choose must not fill the memory. */
export const SERIES_MAX = 1_000;

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const BYTES = exponentialBuckets(256, 4, 10);
const NUMBERS = exponentialBuckets(1, 2, 12);

interface Family {
  readonly add: (labels: Labels, value: number) => void;
  readonly kind: "counter" | "gauge" | "histogram";
  readonly labelNames: readonly string[];
  readonly series: Set<string>;
}

/**
 * Metrics kept by prom-client, with those of the process. A metric comes into being when it is first named, with the labels of that moment.
 * A use that does not fit (other labels, another kind, too many series) is dropped and counted in `tayori_metrics_dropped_total`.
 */
export class PrometheusMetrics implements Metrics {
  readonly #registry = new Registry();
  readonly #families = new Map<string, Family>();
  readonly #dropped: Counter<"metric">;

  constructor(options: { readonly process: boolean }) {
    this.#dropped = new Counter({ name: "tayori_metrics_dropped_total", help: "Uses of a metric that did not fit it", labelNames: ["metric"], registers: [this.#registry] });
    if (options.process) collectDefaultMetrics({ register: this.#registry });
  }
  count(name: string, labels: Labels = {}, by = 1): void {
    if (by >= 0) this.#use("counter", name, labels, by);
  }
  gauge(name: string, value: number, labels: Labels = {}): void {
    this.#use("gauge", name, labels, value);
  }
  observe(name: string, value: number, labels: Labels = {}): void {
    this.#use("histogram", name, labels, value);
  }
  /** The same as data, to be summed with that of other processes. */
  families(): Promise<readonly object[]> {
    return this.#registry.getMetricsAsJSON();
  }
  /** The text exposition format, and the Content-Type it goes with. */
  async text(): Promise<{ readonly contentType: string; readonly body: string }> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  #use(kind: Family["kind"], name: string, labels: Labels, value: number): void {
    let family = this.#families.get(name);
    if (family === undefined) {
      family = this.#make(kind, name, Object.keys(labels));
      this.#families.set(name, family);
    }
    let key = "";
    for (const label of family.labelNames) key += `${labels[label] ?? ""}\u0000`;
    const fits = family.kind === kind && Number.isFinite(value) && Object.keys(labels).length === family.labelNames.length && family.labelNames.every((label) => label in labels);
    if (!fits || (!family.series.has(key) && family.series.size >= SERIES_MAX)) return this.#dropped.inc({ metric: name });
    family.series.add(key);
    family.add(labels, value);
  }
  #make(kind: Family["kind"], name: string, labelNames: readonly string[]): Family {
    const options = { name, help: name.replaceAll("_", " "), labelNames, registers: [this.#registry] };
    const family = { kind, labelNames, series: new Set<string>() };
    switch (kind) {
      case "counter": {
        const counter = new Counter(options);
        return { ...family, add: (labels, by) => counter.inc(labels, by) };
      }
      case "gauge": {
        const gauge = new Gauge(options);
        return { ...family, add: (labels, value) => gauge.set(labels, value) };
      }
      case "histogram": {
        const buckets = name.endsWith("_seconds") ? SECONDS : name.endsWith("_bytes") ? BYTES : NUMBERS;
        const histogram = new Histogram({ ...options, buckets });
        return { ...family, add: (labels, value) => histogram.observe(labels, value) };
      }
    }
  }
}

/**
 * The numbers of several processes as one: counters, gauges and histograms are added up; of those of the process, what no sum makes sense of
 * is averaged, the greatest or the least, or left out, as prom-client has it.
 */
export async function sumFamilies(processes: readonly (readonly object[])[]): Promise<{ readonly contentType: string; readonly text: string }> {
  const sum = AggregatorRegistry.aggregate(processes.map((families) => [...families]));
  return { contentType: sum.contentType, text: await sum.metrics() };
}
