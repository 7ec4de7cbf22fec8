import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseAuthenticationResults } from "./authres.ts";
import type { MethodResult } from "./authres.ts";
import { commentDepthMax, fieldOctetsMax, propertiesMax, resultsMax, writtenTextMax } from "./limits.ts";
import { arcResult, authResult, bimiResult, dkimResult, dmarcResult, iprevResult, noDkim, spfResult } from "./methods.ts";
import { removeAuthenticationResults } from "./remove.ts";
import { writeArcAuthenticationResults, writeAuthenticationResults } from "./write.ts";

/** As `id 1; method/1=result (comment) reason="…" a.b=c`, short enough to compare. */
function shown(value: string): string {
  const outcome = parseAuthenticationResults(value);
  if (outcome.kind === "malformed") return "malformed";
  const { authservId, version, results } = outcome.value;
  const show = (one: MethodResult): string =>
    [`${one.method}${one.methodVersion ?? ""}=${one.result}`, ...(one.comment === null ? [] : [`(${one.comment})`]), ...(one.reason === null ? [] : [`reason:${one.reason}`]), ...one.properties.map(({ ptype, property, value: text }) => `${ptype}.${property}:${text}`)].join(" ");
  return [`${authservId}${version === null ? "" : `|${version}`}`, ...results.map(show)].join(" / ");
}

describe("RFC 8601 section 2.2", () => {
  const cases: readonly (readonly [value: string, expected: string])[] = [
    [" example.org 1; none", "example.org"],
    ["example.com;\r\n\tspf=pass smtp.mailfrom=example.net", "example.com / spf=pass smtp.mailfrom:example.net"],
    // Appendix B.7, in which comments stand wherever they may.
    ["foo.example.net (foobar) 1 (baz);\r\n dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n policy (A dot can go here) . (like that) expired\r\n (this surprised me) = (as I wasn't expecting it) 1362471462", "foo.example.net / dkim=fail policy.expired:1362471462"],
    ["a.test 2; spf/3=pass", "a.test|2 / spf3=pass"],
    ["a.test; dkim=pass reason=\"good; (signature)\" header.i=@b.test; dkim=fail", "a.test / dkim=pass reason:good; (signature) header.i:@b.test / dkim=fail"],
    ["a.test; dkim=pass (2048-bit key) header.d=b.test (c) header.s=x", "a.test / dkim=pass (2048-bit key) header.d:b.test header.s:x"],
    ["a.test; spf=fail smtp.mailfrom=\"a b\\\"c\"@b.test", 'a.test / spf=fail smtp.mailfrom:"a b\\"c"@b.test'],
    ["a.test; iprev=pass policy.iprev=\"2001:db8::1\" (mx.b.test)", "a.test / iprev=pass policy.iprev:2001:db8::1"],
    ["\"a.test/x\"; SPF=PASS SMTP.MailFrom=X@b.test", "a.test/x / spf=pass smtp.mailfrom:X@b.test"],
    // How large senders of such fields really write.
    ["mx.google.com;\r\n dkim=pass header.i=@b.test header.s=x header.b=TXuC;\r\n spf=pass (google.com: domain of a+caf_=b=c@d.test designates 192.0.2.1 as permitted sender) smtp.mailfrom=a+caf_=b=c@d.test;\r\n dmarc=pass (p=NONE sp=QUARANTINE dis=NONE) header.from=b.test",
      "mx.google.com / dkim=pass header.i:@b.test header.s:x header.b:TXuC / spf=pass (google.com: domain of a+caf_=b=c@d.test designates 192.0.2.1 as permitted sender) smtp.mailfrom:a+caf_=b=c@d.test / dmarc=pass (p=NONE sp=QUARANTINE dis=NONE) header.from:b.test"],
    ["mx.microsoft.com 1; spf=pass smtp.rcpttodomain=a.test smtp.mailfrom=b.test; dmarc=pass action=none header.from=b.test; compauth=pass reason=100", "mx.microsoft.com / spf=pass smtp.rcpttodomain:a.test smtp.mailfrom:b.test / dmarc=pass header.from:b.test / compauth=pass reason:100"],
    ["a.test; x-tls.subject=\"/C=US\" auth=pass; spf=none; ; dkim=neutral body hash did not verify header.d=b.test;", "a.test / spf=none / dkim=neutral header.d:b.test"],
    ["a.test;dkim=pass;", "a.test / dkim=pass"],
    ["a.test; arc=pass (i=1 (x) \\) y) header.oldest-pass=0", "a.test / arc=pass (i=1 (x) ) y) header.oldest-pass:0"],
    ["spf=pass smtp.mailfrom=b.test", "malformed"],
    ["spf =pass", "malformed"],
    ["", "malformed"],
    ["; spf=pass", "malformed"],
    ["\"\"; spf=pass", "malformed"],
    ["\"a.test; spf=pass", "malformed"],
    ["(a.test; spf=pass", "malformed"],
    ["a.test words; spf=pass", "a.test / spf=pass"],
    [" mta.test  from=b.test; domainkeys=neutral (no sig);  from=c.test; dkim=permerror (bad sig)", "mta.test / domainkeys=neutral (no sig) / dkim=permerror (bad sig)"],
    ["a.test; spf=pass (never ended; dkim=pass", "a.test"],
    ["a.test; spf=pass smtp.mailfrom=\"never ended; dkim=pass", "a.test / spf=pass"],
  ];
  for (const [value, expected] of cases) test(value.slice(0, 60), () => assert.equal(shown(value), expected));

  test("limits, at each and one past it", () => {
    const count = (results: number): number => shown(`a.test${"; spf=pass".repeat(results)}`).split(" / ").length - 1;
    assert.deepEqual([count(resultsMax), count(resultsMax + 1)], [resultsMax, resultsMax]);
    const properties = (many: number): number => shown(`a.test; spf=pass${" a.b=c".repeat(many)}`).split(" ").length - 3;
    assert.deepEqual([properties(propertiesMax), properties(propertiesMax + 1)], [propertiesMax, propertiesMax]);
    const nested = (depth: number): string => shown(`a.test ${"(".repeat(depth)}${")".repeat(depth)}; spf=pass`);
    assert.deepEqual([nested(commentDepthMax), nested(commentDepthMax + 1)], ["a.test / spf=pass", "malformed"]);
    assert.equal(shown(`a.test;${" ".repeat(fieldOctetsMax)}spf=pass`), "a.test");
  });
  test("a megabyte of anything is read in no time", () => {
    for (const part of ["(", ")", "\"", "a", "=", ";", " ", ".", "a=b ", "a.b=c ", ";a=b", "(a) ", "\\", "\"a\" "]) {
      const [some, only] = [`a.test; spf=pass ${part.repeat(1_000_000 / part.length)}`, part.repeat(1_000_000 / part.length)];
      const start = process.cpuUsage();
      shown(some);
      shown(only);
      const { user, system } = process.cpuUsage(start);
      assert.ok((user + system) / 1000 < 200, JSON.stringify(part));
    }
  });
  test("any text is read or refused", () => {
    const piece = fc.oneof(fc.constantFrom("a.test", ";", "=", ".", "(", ")", "\"", "\\", " ", "\r\n ", "dkim", "pass", "reason", "/", "1", "@"), fc.string({ maxLength: 3 }));
    fc.assert(fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => void shown(pieces.join(""))), { numRuns: 2000 });
  });
});

describe("what is written is read", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "Z", "0", " ", ".", "-", "@", "\"", "\\", "(", ")", ";", "=", ":", "/", "é", "本", "+", "_"), maxLength: 30 });
  const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/);
  const version = fc.option(fc.integer({ min: 2, max: 99 }), { nil: null });
  const result = fc.record({
    method: word, methodVersion: version, result: word,
    comment: fc.option(text, { nil: null }),
    reason: fc.option(text, { nil: null }),
    properties: fc.array(fc.record({ ptype: word, property: fc.stringMatching(/^[a-z][a-z0-9.-]{0,12}$/), value: text }, { noNullPrototype: true }), { maxLength: 4 }),
  }, { noNullPrototype: true });
  const field = fc.record({ authservId: text.filter((id) => id !== ""), version, results: fc.array(result, { maxLength: 4 }) }, { noNullPrototype: true });

  test("Authentication-Results and its copy for ARC, in lines", () => {
    fc.assert(fc.property(field, fc.integer({ min: 1, max: 50 }), (value, instance) => {
      const written = writeAuthenticationResults(value).toString("utf8");
      assert.match(written, /^Authentication-Results: [^\r\n]+(?:\r\n\t[^\r\n]+)*\r\n$/);
      assert.deepEqual(parseAuthenticationResults(written.slice(written.indexOf(":") + 1)), { kind: "parsed", value });
      const arc = writeArcAuthenticationResults(instance, value);
      const prefix = `ARC-Authentication-Results: i=${instance};`;
      assert.ok(arc.startsWith(prefix));
      assert.deepEqual(parseAuthenticationResults(arc.slice(prefix.length)), { kind: "parsed", value });
    }), { numRuns: 2000 });
  });
  test("controls and long texts from strangers end neither the field nor its lines", () => {
    const evil = `x\r\nBcc: evil@b.test\r\n\r\n${"é".repeat(5000)}`;
    const one: MethodResult = { method: evil, methodVersion: null, result: evil.slice(0, 9), comment: evil, reason: evil, properties: [{ ptype: "smtp", property: "mailfrom", value: evil }] };
    const written = writeAuthenticationResults({ authservId: evil, version: null, results: [one] }).toString("latin1");
    assert.doesNotMatch(written.slice(0, -2), /\r\n(?!\t)/);
    for (const line of written.split("\r\n")) assert.ok(line.length < 998 || line.includes("-".repeat(100)), line);
    assert.ok(writtenTextMax * 3 < 998);
  });
  test("each method's properties have their registered names", () => {
    const results = [
      iprevResult({ result: "pass", address: "2001:db8::1", name: "mx.b.test" }),
      spfResult({ result: "pass", mailfrom: "a@b.test", helo: "mx.b.test" }),
      spfResult({ result: "none", mailfrom: null, helo: "mx.b.test" }),
      dkimResult({ result: "fail", why: "body-changed", domain: "b.test", identity: "@b.test", selector: "s1", algorithm: "rsa-sha256", signatureStart: "ab+/cdef", keyBits: 2048 }),
      noDkim,
      dmarcResult({ result: "fail", headerFrom: "b.test", policy: "reject" }),
      arcResult({ result: "pass", oldestPass: 0, remoteIp: "192.0.2.1" }),
      authResult({ result: "pass", login: null, mailfrom: "a@b.test" }),
      bimiResult({ result: "pass", domain: "b.test", selector: "default", authority: "pass" }),
    ];
    assert.equal(writeAuthenticationResults({ authservId: "mx.a.test", version: null, results }).toString().replaceAll("\r\n\t", " "), [
      "Authentication-Results: mx.a.test;",
      'iprev=pass (mx.b.test) policy.iprev="2001:db8::1";',
      "spf=pass smtp.mailfrom=a@b.test;",
      "spf=none smtp.helo=mx.b.test;",
      'dkim=fail (2048-bit key) reason=body-changed header.d=b.test header.i=@b.test header.s=s1 header.a=rsa-sha256 header.b="ab+/cdef";',
      "dkim=none;",
      "dmarc=fail header.from=b.test policy.dmarc=reject;",
      "arc=pass header.oldest-pass=0 smtp.remote-ip=192.0.2.1;",
      "auth=pass smtp.mailfrom=a@b.test;",
      "bimi=pass header.d=b.test header.selector=default policy.authority=pass\r\n",
    ].join(" "));
    assert.equal(writeAuthenticationResults({ authservId: "a.test", version: null, results: [] }).toString(), "Authentication-Results: a.test; none\r\n");
  });
});

describe("RFC 8601 section 5, T-AR-1", () => {
  const remove = (header: string): string => removeAuthenticationResults(Buffer.from(header), ["mx.a.test", "müller.test"]).content.toString();
  const rest = "From: x\r\n\r\nAuthentication-Results: mx.a.test; spf=pass\r\n";
  const ours = [
    "mx.a.test; spf=pass", "MX.A.Test; none", " mx.a.test.;none", "\"mx.a.test\"; spf=pass", "(x) mx.a.test (y) 7; spf=pass", "\r\n\tmx.a.test;\r\n spf=pass", "mx.a.test", "xn--mller-kva.test; none", "MÜLLER.test; none",
    "spf=pass", "", "(never ended", "\"mx.a.\\test\"; none",
  ];
  for (const value of ours) {
    test(`taken out: ${JSON.stringify(value)}`, () => {
      for (const name of ["Authentication-Results:", "authentication-results :", "AUTHENTICATION-RESULTS\t:"]) {
        assert.equal(remove(`${name}${value}\r\n${rest}`), rest);
        assert.equal(remove(`A: b\r\n c\r\n${name}${value}\r\n${name}${value}\r\n${rest}`), `A: b\r\n c\r\n${rest}`);
        assert.equal(remove(`A: b\n${name}${value.replaceAll("\r", "")}\n${rest}`), `A: b\n${rest}`);
        assert.equal(remove(` ${name}${value}\r\n${rest}`), rest);
      }
    });
  }
  const others = ["Authentication-Results: mx.b.test; spf=pass\r\n", "Authentication-Results: a.test; none\r\n", "ARC-Authentication-Results: i=1; mx.a.test; none\r\n", "Authentication-Results-Old: mx.a.test; none\r\n", "X: y\r\n Authentication-Results: mx.a.test; none\r\n"];
  for (const field of others) {
    test(`left: ${JSON.stringify(field)}`, () => {
      const content = Buffer.from(`${field}${rest}`);
      assert.equal(removeAuthenticationResults(content, ["mx.a.test"]).content, content);
    });
  }
  test("the last field of a header without an empty line", () => assert.equal(remove("A: b\r\nAuthentication-Results: mx.a.test; none"), "A: b\r\n"));
  test("behind more fields than a header may have", () => {
    const many = "x:\r\n".repeat(50_000);
    assert.equal(remove(`${many}Authentication-Results: mx.a.test; none\r\n${rest}`), `${many}${rest}`);
  });
  test("any octets lose nothing but such fields", () => {
    const line = fc.constantFrom("A: b\r\n", "\r\n", " c\r\n", "no field\r\n", "Authentication-Results: mx.a.test; none\r\n", "Authentication-Results: b.test; none\r\n", "\n", "\xff\r\n");
    fc.assert(fc.property(fc.array(line), (lines) => {
      const content = Buffer.from(lines.join(""), "latin1");
      const { content: left, removed } = removeAuthenticationResults(content, ["mx.a.test"]);
      assert.equal(removeAuthenticationResults(left, ["mx.a.test"]).removed, 0);
      assert.equal(removed === 0, left === content);
    }));
  });
});
