import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { addressKey, parseAddress, splitSubaddress, writeAddress } from "./address.ts";
import { domainToUnicode, parseDomain } from "./domain.ts";
import { decodePunycode, encodePunycode } from "./punycode.ts";

const written = (text: string): string | null => {
  const address = parseAddress(text);
  return address === null ? null : writeAddress(address);
};

describe("RFC 5321 section 4.1.2: mailbox", () => {
  const cases: readonly (readonly [text: string, localPart: string | null, domain?: string, written?: string])[] = [
    ["user@example.test", "user", "example.test"],
    ["User.Name+tag@EXAMPLE.Test", "User.Name+tag", "example.test", "User.Name+tag@example.test"],
    ["a!#$%&'*+/=?^_`{|}~-@example.test", "a!#$%&'*+/=?^_`{|}~-", "example.test"],
    ['"john doe"@example.test', "john doe", "example.test"],
    ['"a@b"@example.test', "a@b", "example.test"],
    ['"a\\"b\\\\c"@example.test', 'a"b\\c', "example.test"],
    ['"plain"@example.test', "plain", "example.test", "plain@example.test"],
    ['"\\p\\l"@example.test', "pl", "example.test", "pl@example.test"],
    ["user@[192.0.2.1]", "user", "[192.0.2.1]"],
    ["user@[IPv6:2001:DB8::1]", "user", "[IPv6:2001:db8::1]", "user@[IPv6:2001:db8::1]"],
    ["", null], ["user", null], ["@example.test", null], ["user@", null], ["a b@example.test", null], ["a@b@example.test", null],
    ['""@example.test', null], ['"a"b@example.test', null], ['"a""b"@example.test', null], ['"a\\"@example.test', null], ["a(c)@example.test", null],
    ["user@example.test.", null], ["user@example..test", null], ["user@ex_ample.test", null], ["user@-a.test", null], ["user@a-.test", null],
    ["user@[192.0.2.256]", null], ["user@[192.0.2]", null], ["user@[IPv6:1::2::3]", null], ["user@[IPv6:1:2:3]", null], ["user@[x:y]", null], ["user@[192.0.2.1", null],
    ["a\r\nb@example.test", null], ["a\u0000@example.test", null], ["a\u0085@example.test", null], ["a\u2028@example.test", null], ["\ud800@example.test", null],
    [".@example.test", null], ["...@example.test", null],
  ];
  for (const [text, localPart, domain, output] of cases) {
    test(JSON.stringify(text), () => {
      const address = parseAddress(text);
      if (localPart === null) return assert.equal(address, null);
      assert.deepEqual(address, { localPart, domain });
      assert.equal(written(text), output ?? text);
    });
  }
});

test("carrier addresses with dots anywhere are taken as they come and quoted when written", () => {
  for (const local of ["a..b", ".ab", "ab.", "..a..", "a...b.c."]) {
    assert.equal(parseAddress(`${local}@docomo.test`)?.localPart, local);
    assert.equal(written(`${local}@docomo.test`), `"${local}"@docomo.test`);
  }
});

test("RFC 5321 section 4.5.3.1: lengths, each at the limit and one past it", () => {
  assert.ok(parseAddress(`${"a".repeat(64)}@example.test`));
  assert.equal(parseAddress(`${"a".repeat(65)}@example.test`), null);
  assert.ok(parseAddress(`${"あ".repeat(21)}a@example.test`));
  assert.equal(parseAddress(`${"あ".repeat(21)}aa@example.test`), null);
  const domain = (length: number): string => `${"d".repeat(63)}.${"d".repeat(63)}.${"d".repeat(length - 128)}`;
  assert.ok(parseAddress(`${"a".repeat(64)}@${domain(189)}`));
  assert.equal(parseAddress(`${"a".repeat(64)}@${domain(190)}`), null);
  assert.ok(parseDomain(`${domain(191)}.${"d".repeat(61)}`));
  assert.equal(parseDomain(`${domain(191)}.${"d".repeat(62)}`), null);
  assert.equal(parseDomain(`${"d".repeat(64)}.test`), null);
});

describe("RFC 5890: domains", () => {
  const cases: readonly (readonly [text: string, ascii: string | null, unicode?: string])[] = [
    ["日本語.jp", "xn--wgv71a119e.jp", "日本語.jp"],
    ["ＥＸＡＭＰＬＥ。ｊｐ", "example.jp"],
    ["Bücher.Example", "xn--bcher-kva.example", "bücher.example"],
    ["bu\u0308cher.example", "xn--bcher-kva.example", "bücher.example"],
    ["faß.de", "xn--fa-hia.de", "faß.de"],
    ["XN--BCHER-KVA.example", "xn--bcher-kva.example", "bücher.example"],
    ["xn--ls8h.la", "xn--ls8h.la"],
    ["xn--a.example", "xn--a.example"],
    ["1.2.3", "1.2.3"],
    ["localhost", "localhost"],
    ["ア・イ.jp", "xn--" + encodePunycode("ア・イ") + ".jp", "ア・イ.jp"],
    ["l·l.test", "xn--ll-0ea.test", "l·l.test"],
    ["a・b.jp", null], ["a·b.test", null], ["exam\u200cple.test", null], ["exam\u200bple.test", null], ["٠۰.test", null],
    ["💩.la", null], ["a..b", null], ["", null], [".", null], ["a b", null], ["\u0301a.test", null], ["-日本.test", null], ["xn--日本.test", null], ["日_本.test", null],
    ["あ".repeat(60), null],
  ];
  for (const [text, ascii, unicode] of cases) {
    test(JSON.stringify(text), () => {
      assert.equal(parseDomain(text), ascii);
      if (ascii !== null) assert.equal(domainToUnicode(ascii), unicode ?? ascii);
    });
  }
});

describe("RFC 3492 section 7.1: sample strings", () => {
  const cases: readonly (readonly [text: string, punycode: string])[] = [
    ["他们为什么不说中文", "ihqwcrb4cv8a8dqg056pqjye"],
    ["なぜみんな日本語を話してくれないのか", "n8jok5ay5dzabd5bym9f0cm5685rrjetr6pdxa"],
    ["3年b組金八先生", "3b-ww4c5e180e575a65lsy2b"],
    ["ひとつ屋根の下2", "2-u9tlzr9756bt3uc0v"],
    ["パフィーdeルンバ", "de-jg4avhby1noc0d"],
    ["почемужеонинеговорятпорусски", "b1abfaaepdrnnbgefbadotcwatmq2g4l"],
  ];
  for (const [text, punycode] of cases) {
    test(text, () => {
      assert.equal(encodePunycode(text), punycode);
      assert.equal(decodePunycode(punycode), text);
    });
  }
});

test("keys: two spellings of one mailbox are one", () => {
  const key = (text: string): string => addressKey(parseAddress(text)!);
  assert.equal(key('"User"@日本語.jp'), key("uSER@xn--wgv71a119e.JP"));
  assert.equal(key("e\u0301@example.test"), key("É@example.test"));
  assert.notEqual(key("a@example.test"), key("a+b@example.test"));
});

test("RFC 5233 section 4: subaddresses", () => {
  assert.deepEqual(splitSubaddress("ken+sieve"), { base: "ken", detail: "sieve" });
  assert.deepEqual(splitSubaddress("ken+a+b"), { base: "ken", detail: "a+b" });
  assert.deepEqual(splitSubaddress("ken+"), { base: "ken", detail: "" });
  assert.deepEqual(splitSubaddress("ken"), { base: "ken", detail: null });
  assert.deepEqual(splitSubaddress("+ken"), { base: "+ken", detail: null });
});

const label = fc.stringMatching(/^[a-z0-9あ-んア-ヶ日本語ü]{1,12}$/);
const localPart = fc.string({ unit: fc.constantFrom(..."aZ0.+-_ @\"\\<>(),;:[]!あü"), minLength: 1, maxLength: 20 });

test("property: what is written is read again", () => {
  fc.assert(
    fc.property(localPart, fc.array(label, { minLength: 1, maxLength: 4 }), (local, labels) => {
      const domain = parseDomain(labels.join("."));
      if (domain === null) return;
      const address = { localPart: local, domain };
      assert.deepEqual(parseAddress(writeAddress(address)), address);
      assert.equal(parseDomain(domainToUnicode(domain)), domain);
    }),
  );
});

test("property: any text gives an address within limits or null, and the same after writing", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 80 }), fc.constantFrom("", "@example.test", "@日本語.jp", "@[IPv6:::1]"), (text, tail) => {
      const address = parseAddress(text + tail);
      if (address === null) return;
      assert.ok(Buffer.byteLength(writeAddress(address)) <= 254 && Buffer.byteLength(address.localPart) <= 64);
      assert.deepEqual(parseAddress(writeAddress(address)), address);
      assert.match(address.domain, /^(?:[a-z0-9.-]+|\[[0-9A-Za-z.:]+\])$/);
    }),
  );
});

test("property: Punycode comes back", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 }), (text) => {
      if (/^[\x00-\x7f]*$/.test(text)) return;
      assert.equal(decodePunycode(encodePunycode(text)), text);
    }),
  );
  fc.assert(fc.property(fc.string({ maxLength: 60 }), (text) => void decodePunycode(text)));
});
