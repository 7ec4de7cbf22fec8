import assert from "node:assert/strict";
import { test } from "node:test";
import { parseNatsUrls } from "./nats-url.ts";

const cases: readonly (readonly [urls: readonly string[], expected: ReturnType<typeof parseNatsUrls>])[] = [
  [["nats://127.0.0.1:4222"], { servers: ["127.0.0.1:4222"], tls: false, user: null, password: "" }],
  [["nats://n1.example.test", "nats://[2001:db8::1]:4333/"], { servers: ["n1.example.test", "[2001:db8::1]:4333"], tls: false, user: null, password: "" }],
  [["tls://n1:4222", "tls://mail:p%40ss%2F@n2:4222"], { servers: ["n1:4222", "n2:4222"], tls: true, user: "mail", password: "p@ss/" }],
  [["nats://mail:@n1"], { servers: ["n1"], tls: false, user: "mail", password: "" }],
  [[], null],
  [["nats://n1", "tls://n2"], null],
  [["http://n1"], null],
  [["nats://"], null],
  [["nats://n1:70000"], null],
  [["nats://n1:4222/path"], null],
  [["nats://u:%zz@n1"], null],
  [["127.0.0.1:4222"], null],
  [Array.from({ length: 33 }, (_, i) => `nats://n${i}`), null],
];

test("places of NATS servers are read or refused", () => {
  for (const [urls, expected] of cases) assert.deepEqual(parseNatsUrls(urls), expected, urls.join(" "));
});
