/** The parts of the S3 store that need no store: its URL, its credentials, its signature, its XML. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import { S3_XML_BYTES_MAX, S3_XML_DEPTH_MAX, S3_XML_ELEMENTS_MAX } from "./limits.ts";
import { readS3Credentials } from "./s3-credentials.ts";
import { EMPTY_SHA256, S3Signer, type RequestToSign } from "./s3-signature.ts";
import { encodeRfc3986, parseS3Url, targetOf } from "./s3-url.ts";
import { parseErrorCode, parseList, parseXml } from "./s3-xml.ts";

describe("the signature (examples of the Amazon S3 API Reference)", () => {
  const signer = new S3Signer({ id: "AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", token: null }, "us-east-1");
  const host = "examplebucket.s3.amazonaws.com";
  const cases: readonly (readonly [name: string, request: RequestToSign, body: string | null, signature: string])[] = [
    ["GET with a range", { method: "GET", path: "/test.txt", query: "", headers: { host, range: "bytes=0-9" } }, null, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"],
    ["PUT", { method: "PUT", path: "/test%24file.text", query: "", headers: { host, date: "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY" } }, "Welcome to Amazon S3.", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"],
    ["GET of a subresource", { method: "GET", path: "/", query: "lifecycle=", headers: { host } }, null, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"],
    ["a list", { method: "GET", path: "/", query: "max-keys=2&prefix=J", headers: { host } }, null, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"],
  ];
  for (const [name, request, body, signature] of cases) {
    test(name, () => {
      const { authorization } = signer.sign(request, body === null ? EMPTY_SHA256 : hash("sha256", body, "hex"), Date.UTC(2013, 4, 24));
      assert.equal(authorization?.slice(-64), signature);
      assert.match(authorization ?? "", /^AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE\/20130524\/us-east-1\/s3\/aws4_request, SignedHeaders=/);
    });
  }
  test("the day's key is computed anew on the next day, and a token is signed", () => {
    const temporary = new S3Signer({ id: "A", secret: "B", token: "C" }, "us-east-1");
    const request = cases[0]![1];
    const sign = (at: number): Record<string, string> => temporary.sign(request, EMPTY_SHA256, at);
    const [day, next] = [Date.UTC(2013, 4, 24), Date.UTC(2013, 4, 25)];
    const first = sign(day);
    assert.notEqual(sign(next)["authorization"], first["authorization"]);
    assert.equal(sign(day)["authorization"], first["authorization"]);
    assert.equal(first["x-amz-security-token"], "C");
    assert.match(first["authorization"] ?? "", /SignedHeaders=host;range;x-amz-content-sha256;x-amz-date;x-amz-security-token,/);
  });
  test("what is not unreserved is encoded", () => {
    assert.equal(encodeRfc3986("azAZ09-._~ !'()*/+=@%é"), "azAZ09-._~%20%21%27%28%29%2A%2F%2B%3D%40%25%C3%A9");
  });
});

describe("the URL", () => {
  test("has defaults for AWS", () => {
    const answer = parseS3Url("s3:my-mail?region=ap-northeast-1");
    assert.ok(answer.kind === "place");
    const { endpoints: [endpoint], ...place } = answer.place;
    assert.deepEqual(place, { bucket: "my-mail", region: "ap-northeast-1", style: "virtual", prefix: "", connections: 128, credentialsPath: null });
    assert.deepEqual(targetOf(answer.place, endpoint, "a/b+c=d@e!f"), { host: "my-mail.s3.ap-northeast-1.amazonaws.com", port: 443, hostHeader: "my-mail.s3.ap-northeast-1.amazonaws.com", path: "/a/b%2Bc%3Dd%40e%21f" });
    assert.equal(targetOf(answer.place, endpoint, null).path, "/");
  });
  test("names several endpoints, and everything else", () => {
    const answer = parseS3Url("s3:mail?endpoint=http://10.0.0.1:7480,https://[2001:db8::1],http://RGW.example.test/&style=path&prefix=a%2Fb/&connections=7&credentials=/etc/tayori/s3%20keys");
    assert.ok(answer.kind === "place");
    const { place } = answer;
    assert.deepEqual([place.style, place.prefix, place.connections, place.credentialsPath], ["path", "a/b/", 7, "/etc/tayori/s3 keys"]);
    const targets = place.endpoints.map((endpoint) => targetOf(place, endpoint, "k"));
    assert.deepEqual(targets.map(({ host, port, hostHeader }) => [host, port, hostHeader]), [["10.0.0.1", 7480, "10.0.0.1:7480"], ["2001:db8::1", 443, "[2001:db8::1]"], ["rgw.example.test", 80, "rgw.example.test"]]);
    assert.equal(targets[0]?.path, "/mail/a/b/k");
    assert.equal(targetOf(place, place.endpoints[0], null).path, "/mail");
  });
  const refusals: readonly (readonly [url: string, because: RegExp])[] = [
    ["s3:", /name of a bucket/], ["s3:UPPER", /name of a bucket/], ["s3:a/b", /name of a bucket/], ["sqlite:x", /name of a bucket/],
    ["s3:mail?colour=red", /no parameter "colour"/], ["s3:mail?region=a&region=b", /twice/], ["s3:mail?prefix=", /no value/], ["s3:mail?prefix=%zz", /no value/],
    ["s3:mail?endpoint=ftp://a", /no endpoint/], ["s3:mail?endpoint=http://a:0", /no endpoint/], ["s3:mail?endpoint=http://a:70000", /no endpoint/], ["s3:mail?endpoint=http://a/b", /no endpoint/],
    ["s3:mail?endpoint=http://user:secret@a", /no endpoint/], ["s3:mail?endpoint=http://a,http://a", /twice/], ["s3:mail?endpoint=http://10.0.0.1&style=virtual", /needs a name/],
    ["s3:mail?style=other", /neither/], ["s3:mail?prefix=a%20b", /other octets/], [`s3:mail?prefix=${"a".repeat(257)}`, /more than 256/], ["s3:mail?connections=0", /from 1/], ["s3:mail?connections=x", /from 1/],
    ["s3:mail?region=a/b", /no region/], [`s3:mail?endpoint=${Array.from({ length: 33 }, (_, i) => `http://h${i}`).join(",")}`, /more than 32/],
  ];
  for (const [url, because] of refusals) {
    test(`refuses ${url.slice(0, 60)}`, () => {
      const answer = parseS3Url(url);
      assert.match(answer.kind === "refused" ? answer.because : "taken", because);
    });
  }
});

describe("credentials", () => {
  test("come from the environment, Tayori's own first", () => {
    const aws = { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b", AWS_SESSION_TOKEN: "c" };
    assert.deepEqual(readS3Credentials(null, aws), { kind: "credentials", credentials: { id: "a", secret: "b", token: "c" } });
    assert.deepEqual(readS3Credentials(null, { ...aws, TAYORI_S3_KEY: "d", TAYORI_S3_SECRET: "e" }), { kind: "credentials", credentials: { id: "d", secret: "e", token: null } });
    assert.equal(readS3Credentials(null, {}).kind, "refused");
    const half = readS3Credentials(null, { ...aws, TAYORI_S3_SECRET: "only-half" });
    assert.ok(half.kind === "refused" && !half.because.includes("only-half"));
  });
  test("come from a file as the AWS tools have it", () => {
    const folder = mkdtempSync(join(tmpdir(), "tayori-s3-"));
    const file = join(folder, "credentials");
    writeFileSync(file, "[default]\naws_access_key_id = first\naws_secret_access_key=with/slash+plus=\n\n[other]\naws_access_key_id = second\n");
    assert.deepEqual(readS3Credentials(file, { TAYORI_S3_KEY: "x" }), { kind: "credentials", credentials: { id: "first", secret: "with/slash+plus=", token: null } });
    writeFileSync(file, "secret-without-a-name\n");
    const refused = readS3Credentials(file, {});
    assert.ok(refused.kind === "refused" && !refused.because.includes("secret-without"));
    assert.match(JSON.stringify(readS3Credentials(join(folder, "none"), {})), /ENOENT/);
    rmSync(folder, { recursive: true });
  });
});

describe("XML", () => {
  const leaves = (text: string): unknown => parseXml(Buffer.from(text))?.map(({ path, text: inside }) => [path, inside]) ?? null;
  test("gives the leaves with their paths", () => {
    assert.deepEqual(leaves('<?xml version="1.0"?>\n<a x="1"><b>one &amp; &lt;two&gt; &quot;&apos; &#65;&#x42;</b><c/><d><b>\n three</b>\n</d><e></e></a>\n'), [["a/b", "one & <two> \"' AB"], ["a/c", ""], ["a/d/b", "\n three"], ["a/e", ""]]);
  });
  const bad = ["", "text", "<a>", "<a></b>", "<a/><b/>", "<a></a></a>", "<a>x<b/></a>", "<a><b/>x</a>", "<!DOCTYPE a><a/>", "<a><![CDATA[x]]></a>", "<a><!-- x --></a>", "<a>&other;</a>", "<a>& </a>", "<a b='<'/>", " <?xml version='1.0'?><a/>", "</a>", "<a/>x", "< a/>"];
  for (const text of bad) test(`refuses ${JSON.stringify(text)}`, () => assert.equal(leaves(text), null));
  test("keeps to its limits", () => {
    const deep = (depth: number): string => "<a>".repeat(depth) + "</a>".repeat(depth);
    assert.notEqual(leaves(deep(S3_XML_DEPTH_MAX)), null);
    assert.equal(leaves(deep(S3_XML_DEPTH_MAX + 1)), null);
    assert.notEqual(leaves(`<a>${"<b/>".repeat(S3_XML_ELEMENTS_MAX - 1)}</a>`), null);
    assert.equal(leaves(`<a>${"<b/>".repeat(S3_XML_ELEMENTS_MAX)}</a>`), null);
    assert.notEqual(leaves(`<a>${"x".repeat(S3_XML_BYTES_MAX - 7)}</a>`), null);
    assert.equal(leaves(`<a>${"x".repeat(S3_XML_BYTES_MAX - 6)}</a>`), null);
  });
  test("anything is answered, without throwing", () => {
    const piece = fc.constantFrom("<", ">", "/", "a", "<a>", "</a>", "<b/>", "&amp;", "&#", "x", " ", "<?xml ?>", '="', "é");
    fc.assert(fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const bytes = Buffer.from(pieces.join(""));
      parseXml(bytes);
      parseList(bytes);
      assert.match(parseErrorCode(bytes), /^[A-Za-z0-9.]*$/);
    }));
  });
  test("any text comes back", () => {
    const escape = (text: string): string => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
    fc.assert(fc.property(fc.array(fc.string({ unit: "binary", maxLength: 20 }), { minLength: 1, maxLength: 10 }), (texts) => {
      const source = `<ListBucketResult><IsTruncated>true</IsTruncated>${texts.map((text) => `<Contents><Key>${escape(text)}</Key></Contents>`).join("")}<NextContinuationToken>t</NextContinuationToken></ListBucketResult>`;
      assert.deepEqual(parseList(Buffer.from(source)), { keys: texts.map((text) => Buffer.from(text).toString()), truncated: true, next: "t" });
    }), { numRuns: 50 });
  });
  test("a list without its end is none, and an error says only its code", () => {
    assert.equal(parseList(Buffer.from("<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>")), null);
    assert.equal(parseList(Buffer.from("<Error><Code>NoSuchKey</Code></Error>")), null);
    assert.equal(parseErrorCode(Buffer.from("<Error><Code>NoSuchKey</Code><Message>m</Message></Error>")), "NoSuchKey");
    assert.equal(parseErrorCode(Buffer.from("<Error><Code>No such\nkey</Code></Error>")), "");
    assert.equal(parseErrorCode(Buffer.from("<html>502</html>")), "");
  });
});
