import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PrometheusMetrics, SERIES_MAX, sumFamilies } from "./prometheus.ts";

const linesOf = async (metrics: PrometheusMetrics): Promise<string[]> => (await metrics.text()).body.split("\n");

test("counters, gauges and histograms with labels, in the text format", async () => {
  const metrics = new PrometheusMetrics({ process: false });
  metrics.count("tayori_connections_total", { listener: "mx" });
  metrics.count("tayori_connections_total", { listener: "mx" }, 2);
  metrics.gauge("tayori_queue_messages", 7);
  metrics.gauge("tayori_queue_messages", 5);
  metrics.observe("tayori_delivery_seconds", 0.3, { shard: "1" });
  const lines = await linesOf(metrics);
  for (const line of ['tayori_connections_total{listener="mx"} 3', "tayori_queue_messages 5", 'tayori_delivery_seconds_bucket{le="0.25",shard="1"} 0', 'tayori_delivery_seconds_bucket{le="0.5",shard="1"} 1', "# TYPE tayori_delivery_seconds histogram"]) {
    assert.ok(lines.includes(line), line);
  }
  assert.match((await metrics.text()).contentType, /^text\/plain/);
});

test("what does not fit is dropped and counted, never thrown", async () => {
  const metrics = new PrometheusMetrics({ process: false });
  metrics.count("tayori_a_total", { x: "1" });
  metrics.count("tayori_a_total", { y: "1" });
  metrics.count("tayori_a_total");
  metrics.gauge("tayori_a_total", 3, { x: "1" });
  metrics.count("tayori_a_total", { x: "1" }, -1);
  metrics.observe("tayori_b_seconds", Number.NaN);
  for (let i = 0; i <= SERIES_MAX; i++) metrics.count("tayori_c_total", { peer: `${i}` });
  metrics.count("tayori_c_total", { peer: "0" });
  const lines = await linesOf(metrics);
  assert.ok(lines.includes('tayori_a_total{x="1"} 1'));
  assert.ok(lines.includes('tayori_metrics_dropped_total{metric="tayori_a_total"} 3'));
  assert.ok(lines.includes('tayori_metrics_dropped_total{metric="tayori_b_seconds"} 1'));
  assert.ok(lines.includes('tayori_metrics_dropped_total{metric="tayori_c_total"} 1'));
  assert.ok(lines.includes('tayori_c_total{peer="0"} 2'));
  assert.equal(lines.filter((line) => line.startsWith("tayori_c_total{")).length, SERIES_MAX);
});

test("the process's own metrics are there when asked for", async () => {
  const lines = await linesOf(new PrometheusMetrics({ process: true }));
  assert.ok(lines.some((line) => line.startsWith("process_resident_memory_bytes ")));
});

describe("the numbers of several processes", () => {
  test("are added up, by labels", async () => {
    const [one, two] = [new PrometheusMetrics({ process: true }), new PrometheusMetrics({ process: false })];
    one.count("tayori_mails_total", { role: "mx" }, 2);
    two.count("tayori_mails_total", { role: "mx" }, 3);
    two.count("tayori_mails_total", { role: "submission" });
    one.gauge("tayori_connections", 5);
    two.gauge("tayori_connections", 7);
    for (const metrics of [one, two]) metrics.observe("tayori_wait_seconds", 0.02);
    const { contentType, text } = await sumFamilies([await one.families(), await two.families()]);
    assert.match(contentType, /^text\/plain/);
    for (const line of ['tayori_mails_total{role="mx"} 5', 'tayori_mails_total{role="submission"} 1', "tayori_connections 12", "tayori_wait_seconds_count 2", 'tayori_wait_seconds_bucket{le="0.025"} 2']) {
      assert.ok(text.split("\n").includes(line), `${line} in\n${text}`);
    }
    assert.match(text, /^process_resident_memory_bytes \d+$/m);
  });
  test("survive being sent as data", async () => {
    const metrics = new PrometheusMetrics({ process: true });
    metrics.count("tayori_mails_total");
    const sent: unknown = JSON.parse(JSON.stringify(await metrics.families()));
    assert(Array.isArray(sent));
    assert.match((await sumFamilies([sent, []])).text, /^tayori_mails_total 1$/m);
  });
});
