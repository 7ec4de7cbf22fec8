/**
 * What operators and their machines ask over HTTP: /healthz (the process answers), /readyz (it can do its work), /metrics (numbers).
 * A pure function from a request to a response; sockets are the adapter's.
 */

export interface WebRequest {
  readonly method: string;
  /** The request target as it came, with the query if there is one. */
  readonly target: string;
}
export interface WebResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}
export interface Probes {
  /** Why the system cannot serve now, one line each; empty when it can. Must not throw. */
  notReady(): Promise<readonly string[]>;
  /** The numbers in the Prometheus text format, and its media type. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>;
}

type Page = (probes: Probes) => Promise<WebResponse>;

const PLAIN_TEXT = "text/plain; charset=utf-8";
const pages: ReadonlyMap<string, Page> = new Map<string, Page>([
  ["/healthz", async () => respond(200, "ok\n")],
  ["/readyz", async (probes) => {
    const reasons = await probes.notReady();
    return reasons.length === 0 ? respond(200, "ok\n") : respond(503, `${reasons.join("\n")}\n`);
  }],
  ["/metrics", async (probes) => {
    const { contentType, text } = await probes.metrics();
    return respond(200, text, { "content-type": contentType });
  }],
]);

/** Answers every request. HEAD is GET without the body (RFC 9110 section 9.3.2). */
export async function respondTo(request: WebRequest, probes: Probes): Promise<WebResponse> {
  const page = pages.get(request.target.split("?", 1)[0]!);
  if (page === undefined) return respond(404, "not found\n");
  if (request.method !== "GET" && request.method !== "HEAD") return respond(405, "method not allowed\n", { allow: "GET, HEAD" });
  const response = await page(probes);
  return request.method === "HEAD" ? { ...response, body: "" } : response;
}

function respond(status: number, body: string, headers: Readonly<Record<string, string>> = {}): WebResponse {
  return {
    status,
    body,
    headers: {
      "content-type": PLAIN_TEXT, "content-length": String(Buffer.byteLength(body)), "cache-control": "no-store", "x-content-type-options": "nosniff", ...headers,
    },
  };
}
