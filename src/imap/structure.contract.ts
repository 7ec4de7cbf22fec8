/** The grammar of `envelope` and `body` (RFC 9051 section 9), checked by reading. Used by the tests here and by those over foreign mail. */
import assert from "node:assert/strict";

export type Value = null | number | Buffer | readonly Value[];

/** Reads one value of parentheses, strings, numbers and NIL, as strictly as a client of RFC 3501 may. */
export function readValue(octets: Buffer): Value {
  let at = 0;
  const space = (): void => assert.equal(octets[at++], 0x20, "one space");
  const literal = (): Buffer => {
    const end = octets.indexOf("}\r\n", at);
    const size = Number(octets.toString("latin1", at + 1, end));
    at = end + 3 + size;
    const content = octets.subarray(end + 3, at);
    assert.ok(content.length === size && !content.includes(0), "a whole literal without NUL");
    return content;
  };
  const quoted = (): Buffer => {
    const out: number[] = [];
    for (at++; octets[at] !== 0x22; at++) {
      if (octets[at] === 0x5c) at++;
      const octet = octets[at];
      assert.ok(octet !== undefined && octet > 0 && octet < 0x80 && octet !== 0x0d && octet !== 0x0a, "QUOTED-CHAR");
      out.push(octet);
    }
    at++;
    return Buffer.from(out);
  };
  const value = (): Value => {
    switch (octets[at]) {
      case 0x28: {
        const items: Value[] = [];
        at++;
        while (octets[at] !== 0x29) {
          // Parts of a multipart and addresses of a list follow each other without a space.
          if (items.length > 0 && octets[at] !== 0x28) space();
          else if (items.length > 0 && octets[at] === 0x20) space();
          items.push(value());
          if (octets[at] === 0x20 && octets[at + 1] === 0x28) at++;
        }
        at++;
        return items;
      }
      case 0x22: return quoted();
      case 0x7b: return literal();
      case 0x4e:
        assert.equal(octets.toString("latin1", at, at + 3), "NIL");
        at += 3;
        return null;
      default: {
        const digits = /^\d+/.exec(octets.toString("latin1", at, at + 20))?.[0];
        assert.ok(digits !== undefined, `a value at ${at}: ${octets.toString("latin1", at, at + 20)}`);
        at += digits.length;
        return Number(digits);
      }
    }
  };
  const result = value();
  assert.equal(at, octets.length, "nothing follows");
  return result;
}

const isString = (value: Value | undefined): value is Buffer => Buffer.isBuffer(value);
const isList = (value: Value | undefined): value is readonly Value[] => Array.isArray(value);
const string = (value: Value | undefined, what: string): string => (assert.ok(isString(value), `${what} is a string`), value.toString("latin1"));
const nstring = (value: Value | undefined, what: string): void => assert.ok(value === null || isString(value), `${what} is an nstring`);
const number = (value: Value | undefined, what: string): void => assert.ok(typeof value === "number", `${what} is a number`);

export function assertEnvelope(value: Value | undefined): void {
  assert.ok(isList(value) && value.length === 10, "ten fields of an envelope");
  for (const i of [0, 1, 8, 9]) nstring(value[i], `envelope ${i}`);
  for (let i = 2; i < 8; i++) {
    const list = value[i];
    if (list === null) continue;
    assert.ok(isList(list) && list.length > 0, "addresses, or NIL");
    for (const address of list) {
      assert.ok(isList(address) && address.length === 4, "four fields of an address");
      for (const field of address) nstring(field, "address");
    }
  }
}

function assertParameters(value: Value | undefined): void {
  if (value === null) return;
  assert.ok(isList(value) && value.length > 0 && value.length % 2 === 0 && value.every(isString), "body-fld-param");
}
function assertTail(values: readonly Value[], extended: boolean): void {
  if (!extended) return assert.equal(values.length, 0, "no extension data in BODY");
  const [disposition, language, location, ...more] = values;
  if (disposition !== null) {
    assert.ok(isList(disposition) && disposition.length === 2, "body-fld-dsp");
    string(disposition[0], "disposition");
    assertParameters(disposition[1]);
  }
  assert.ok(language === null || isString(language) || (isList(language) && language.length > 0 && language.every(isString)), "body-fld-lang");
  nstring(location, "body-fld-loc");
  assert.equal(more.length, 0);
}

export function assertBody(value: Value | undefined, extended: boolean): void {
  assert.ok(isList(value));
  if (isList(value[0])) {
    const parts = value.findIndex((item) => !isList(item));
    for (const part of value.slice(0, parts)) assertBody(part, extended);
    string(value[parts], "media-subtype");
    if (extended) assertParameters(value[parts + 1]);
    return assertTail(value.slice(parts + (extended ? 2 : 1)), extended);
  }
  const type = string(value[0], "type").toLowerCase();
  const subtype = string(value[1], "subtype").toLowerCase();
  assert.notEqual(type, "multipart", "a multipart has parts");
  assertParameters(value[2]);
  nstring(value[3], "id");
  nstring(value[4], "description");
  string(value[5], "encoding");
  number(value[6], "octets");
  let rest = value.slice(7);
  if (type === "message" && (subtype === "rfc822" || subtype === "global")) {
    assertEnvelope(rest[0]);
    assertBody(rest[1], extended);
    number(rest[2], "lines");
    rest = rest.slice(3);
  } else if (type === "text") {
    number(rest[0], "lines");
    rest = rest.slice(1);
  }
  if (extended) nstring(rest[0], "md5");
  assertTail(extended ? rest.slice(1) : rest, extended);
}
