/** Where an S3 store is: `s3:bucket?endpoint=http://10.0.0.1:7480,http://10.0.0.2:7480&region=…&style=path&prefix=…`. */
import { isIP } from "node:net";
import { S3_CONNECTIONS, S3_CONNECTIONS_MAX, S3_ENDPOINTS_MAX, S3_PREFIX_BYTES_MAX } from "./limits.ts";

export interface S3Endpoint {
  readonly tls: boolean;
  /** A name or an address; IPv6 without its brackets. */
  readonly host: string;
  readonly port: number;
  /** As in the URL, for logs: "http://10.0.0.1:7480". */
  readonly name: string;
}
export interface S3Place {
  readonly bucket: string;
  readonly endpoints: readonly [S3Endpoint, ...S3Endpoint[]];
  readonly region: string;
  /** `path`: /bucket/key. `virtual`: the bucket is part of the host name. */
  readonly style: "path" | "virtual";
  /** In front of every key. */
  readonly prefix: string;
  /** Requests at once. */
  readonly connections: number;
  /** A file with credentials, as in the URL; null: from the environment. */
  readonly credentialsPath: string | null;
}
export type S3UrlAnswer = { readonly kind: "place"; readonly place: S3Place } | { readonly kind: "refused"; readonly because: string };

const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const REGION = /^[A-Za-z0-9-]{1,64}$/;
const PREFIX = /^[A-Za-z0-9/\-_.!=@+]*$/;
const PARAMETERS = new Set(["endpoint", "region", "style", "prefix", "connections", "credentials"]);
const refuse = (because: string): S3UrlAnswer => ({ kind: "refused", because });

/** Values are percent-decoded; `+` stays a plus. */
export function parseS3Url(url: string): S3UrlAnswer {
  const [, bucket, query = ""] = /^s3:([^?/]*)(?:\?(.*))?$/s.exec(url) ?? [];
  if (bucket === undefined || !BUCKET.test(bucket)) return refuse("it is not s3: and the name of a bucket");
  const parameters = new Map<string, string>();
  for (const part of query.split("&")) {
    if (part === "") continue;
    const [name, ...rest] = part.split("=");
    const value = decode(rest.join("="));
    if (name === undefined || !PARAMETERS.has(name)) return refuse(`there is no parameter "${name}"; there are ${[...PARAMETERS].join(", ")}`);
    if (value === null || value === "" || parameters.has(name)) return refuse(`"${name}" is given twice or has no value`);
    parameters.set(name, value);
  }
  return placeOf(bucket, parameters);
}

function placeOf(bucket: string, parameters: ReadonlyMap<string, string>): S3UrlAnswer {
  const region = parameters.get("region") ?? "us-east-1";
  if (!REGION.test(region)) return refuse(`"${region}" is no region`);
  const style = parameters.get("style") ?? (parameters.has("endpoint") ? "path" : "virtual");
  if (style !== "path" && style !== "virtual") return refuse('"style" is neither path nor virtual');
  const prefix = parameters.get("prefix") ?? "";
  if (!PREFIX.test(prefix) || prefix.length > S3_PREFIX_BYTES_MAX) return refuse(`"prefix" has other octets than letters, digits and /-_.!=@+, or more than ${S3_PREFIX_BYTES_MAX}`);
  const connections = Number(parameters.get("connections") ?? S3_CONNECTIONS);
  if (!Number.isInteger(connections) || connections < 1 || connections > S3_CONNECTIONS_MAX) return refuse(`"connections" is no number from 1 to ${S3_CONNECTIONS_MAX}`);
  const names = (parameters.get("endpoint") ?? `https://s3.${region}.amazonaws.com`).split(",");
  if (names.length > S3_ENDPOINTS_MAX) return refuse(`there are more than ${S3_ENDPOINTS_MAX} endpoints`);
  const endpoints: S3Endpoint[] = [];
  for (const name of names) {
    const endpoint = parseEndpoint(name);
    if (endpoint === null) return refuse(`"${name}" is no endpoint like http://10.0.0.1:7480`);
    if (style === "virtual" && isIP(endpoint.host) !== 0) return refuse(`"${name}" is an address: style=virtual needs a name`);
    if (endpoints.some((other) => other.name === endpoint.name)) return refuse(`"${name}" is there twice`);
    endpoints.push(endpoint);
  }
  const [first, ...more] = endpoints;
  if (first === undefined) return refuse("there is no endpoint");
  return { kind: "place", place: { bucket, endpoints: [first, ...more], region, style, prefix, connections, credentialsPath: parameters.get("credentials") ?? null } };
}

function parseEndpoint(text: string): S3Endpoint | null {
  const [, scheme, bracketed, plain, digits] = /^(https?):\/\/(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+))(?::([0-9]{1,5}))?\/?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (scheme === undefined || host === undefined || (bracketed !== undefined && isIP(bracketed) !== 6)) return null;
  const tls = scheme === "https";
  const port = digits === undefined ? (tls ? 443 : 80) : Number(digits);
  if (port < 1 || port > 65535) return null;
  return { tls, host: host.toLowerCase(), port, name: text.replace(/\/$/, "") };
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

export interface S3Target {
  /** What to connect to. */
  readonly host: string;
  readonly port: number;
  /** The Host header: without the port where it is the scheme's own. */
  readonly hostHeader: string;
  /** Percent-encoded as the signature has it. */
  readonly path: string;
}

/** Where a request for a key goes, or for the bucket itself (`key` null). */
export function targetOf(place: S3Place, endpoint: S3Endpoint, key: string | null): S3Target {
  const host = place.style === "virtual" ? `${place.bucket}.${endpoint.host}` : endpoint.host;
  const written = host.includes(":") ? `[${host}]` : host;
  const ownPort = endpoint.port === (endpoint.tls ? 443 : 80);
  const encoded = key === null ? "" : encodeKey(place.prefix + key);
  const path = place.style === "virtual" ? `/${encoded}` : key === null ? `/${place.bucket}` : `/${place.bucket}/${encoded}`;
  return { host, port: endpoint.port, hostHeader: ownPort ? written : `${written}:${endpoint.port}`, path };
}

const PLAIN_KEY = /^[A-Za-z0-9\-._/]*$/;

/** Everything but unreserved characters (RFC 3986 section 2.3) and slashes is encoded, once. */
function encodeKey(key: string): string {
  return PLAIN_KEY.test(key) ? key : key.split("/").map(encodeRfc3986).join("/");
}

/** encodeURIComponent leaves `!'()*` as they are; the signature wants them encoded. */
export function encodeRfc3986(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
