import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { documentedSettings, writeReference, writeSample } from "./settings-reference.ts";
import { parseSettings, writeProblem, type Settings } from "./settings.ts";

const LEAST = 'hostname = "mx.example.test"\n[store]\nurl = "sqlite:mail/tayori.db"\n';

function accepted(source: string): Settings {
  const answer = parseSettings(source, "/etc/tayori/tayori.toml");
  assert(answer.kind === "settings", JSON.stringify(answer));
  return answer.settings;
}
function refused(source: string): string[] {
  const answer = parseSettings(source, "t.toml");
  assert.equal(answer.kind, "refused");
  return answer.kind === "refused" ? answer.problems.map(writeProblem) : [];
}

describe("settings", () => {
  test("the least that works has a default for everything else", () => {
    const settings = accepted(LEAST);
    assert.deepEqual(settings.store, { kind: "sqlite", path: "/etc/tayori/mail/tayori.db", masterKeyPath: "/etc/tayori/mail/tayori.db.key" });
    assert.deepEqual(settings.tls, { certPath: "/etc/tayori/mail/tayori.db.cert.pem", keyPath: "/etc/tayori/mail/tayori.db.cert.key", selfSigned: true });
    assert.equal(settings.message["size-max"], 32_000_000);
    assert.deepEqual(settings.listen.smtp, []);
    assert.equal(settings.outbound.helo, "mx.example.test");
    assert.equal(settings.outbound["give-up"], 432_000_000);
    assert.equal(settings.submission["hide-client-address"], true);
    assert.equal(settings.workers, 1);
    assert.equal(settings.hints.url, undefined);
  });

  test("hints go over one server or several", () => {
    const url = (toml: string): unknown => accepted(`${LEAST}[hints]\nurl = ${toml}\n`).hints.url;
    assert.deepEqual(url('"nats://127.0.0.1:4222"'), { servers: ["127.0.0.1:4222"], tls: false, user: null, password: "" });
    assert.deepEqual(url('["tls://mail:secret@n1.test", "tls://n2.test:4333"]'), { servers: ["n1.test", "n2.test:4333"], tls: true, user: "mail", password: "secret" });
  });

  test("the store may be a bucket, and what lies beside a store lies beside the settings then", () => {
    const url = "s3:mail?endpoint=http://10.0.0.1:7480,http://10.0.0.2:7480&credentials=keys/s3";
    const settings = accepted(LEAST.replace(/url = .*/, `url = "${url}"`));
    assert.deepEqual(settings.store, { kind: "s3", url, credentialsPath: "/etc/tayori/keys/s3", masterKeyPath: "/etc/tayori/mail.key" });
    assert.equal(settings.tls.certPath, "/etc/tayori/mail.cert.pem");
    assert.match(refused(LEAST.replace(/url = .*/, 'url = "s3:mail?colour=red"')).join(), /t\.toml:[0-9]+: store\.url: there is no parameter "colour"/);
    assert.match(refused(LEAST.replace(/url = .*/, 'url = "file:mail"')).join(), /store\.url: "file:mail" is not "sqlite:PATH" or "s3:BUCKET/);
  });

  test("what is written is what is in force", () => {
    const settings = accepted(`
hostname = "MX.Example.test"
language = "ja"
default-domain = "例え.テスト"
postmaster = "admin@example.test"
[store]
url = "sqlite:/var/lib/tayori/store.db"
master-key = "keys/master"
[listen]
smtp = ["127.0.0.1:0", "[::1]:2525"]
proxy-protocol = ["10.0.0.0/8", "::1"]
[tls]
cert = "chain.pem"
key = "/secret/key.pem"
[outbound]
give-up = "90s"
routes = { "*" = { to = "relay.example.net:25", tls = "verify" }, "例え.Example.org" = "127.0.0.1:2599" }
`);
    assert.equal(settings.hostname, "mx.example.test");
    assert.equal(settings["default-domain"], "xn--r8jz45g.xn--zckzah");
    assert.deepEqual(settings.postmaster, { localPart: "admin", domain: "example.test" });
    assert.deepEqual(settings.store, { kind: "sqlite", path: "/var/lib/tayori/store.db", masterKeyPath: "/etc/tayori/keys/master" });
    assert.deepEqual(settings.listen.smtp, [{ host: "127.0.0.1", port: 0 }, { host: "::1", port: 2525 }]);
    assert.deepEqual(settings.tls, { certPath: "/etc/tayori/chain.pem", keyPath: "/secret/key.pem", selfSigned: false });
    assert.equal(settings.outbound["give-up"], 90_000);
    assert.deepEqual(settings.outbound.routes, [
      { domain: "*", host: "relay.example.net", port: 25, tls: "verify" },
      { domain: "xn--r8jz45g.example.org", host: "127.0.0.1", port: 2599, tls: "opportunistic" },
    ]);
  });

  test("every refusal names the file, the line and the reason", () => {
    const cases: readonly (readonly [source: string, problems: readonly string[]])[] = [
      ['hostname = "a.test"\n', ["t.toml:1: store: must be given"]],
      ["[store]\nurl = \"sqlite:x\"\n", ["t.toml:1: hostname: must be given"]],
      [`${LEAST}[listen]\nsmtp = ["127.0.0.1:25"]\nstmp = []\n`, ["t.toml:6: listen.stmp: there is no such setting"]],
      [`${LEAST}[listn]\n`, ["t.toml:4: listn: there is no such setting"]],
      [`wrokers = 2\n${LEAST}`, ["t.toml:1: wrokers: there is no such setting"]],
      [`workers = 0\n${LEAST}`, ["t.toml:1: workers: Invalid value: Expected >=1 but received 0"]],
      [`workers = 257\n${LEAST}`, ["t.toml:1: workers: Invalid value: Expected <=256 but received 257"]],
      [`${LEAST}[hints]\nurl = "http://127.0.0.1:4222"\n`, ['t.toml:5: hints.url: is not "nats://host:port" or "tls://host:port", or a list of one kind of them']],
      [`${LEAST}[hints]\nurl = ["nats://a.test", "tls://b.test"]\n`, ['t.toml:5: hints.url: is not "nats://host:port" or "tls://host:port", or a list of one kind of them']],
      [`${LEAST}[message]\nsize-max = "32 apples"\n`, ['t.toml:5: message.size-max: "32 apples" is not a size like "32MB" or "64MiB"']],
      [`${LEAST}[message]\nsize-max = 32\n`, ["t.toml:5: message.size-max: must be string, is 32"]],
      [`${LEAST}[listen]\nsmtp = [\n  "127.0.0.1:25",\n  "nowhere",\n]\n`, ['t.toml:5: listen.smtp.1: "nowhere" is not "host:port" with a port from 0 to 65535, an IPv6 address in brackets']],
      ['hostname = "a.test"\n[store]\nurl = "mysql:x"\n', ['t.toml:3: store.url: "mysql:x" is not "sqlite:PATH" or "s3:BUCKET?…"']],
      [`${LEAST}[tls]\ncert = "a.pem"\n`, ["t.toml:4: tls: `cert` and `key` are given together or not at all"]],
      [`${LEAST}[limits]\nconnections = 0\n`, ["t.toml:5: limits.connections: Invalid value: Expected >=1 but received 0"]],
      [`${LEAST}[outbound]\nroutes = { "a b" = "127.0.0.1:25" }\n`, ['t.toml:5: outbound.routes.a b: is not "*" or a domain']],
      [`${LEAST}[outbound.routes]\n"x.test" = { to = "127.0.0.1:25", tls = "maybe" }\n`, ['t.toml:5: outbound.routes.x.test: is neither "host:port" nor { to = "host:port", tls = "none" | "opportunistic" | "require" | "verify" }']],
      [`log.level = "loud"\n${LEAST}`, ['t.toml:1: log.level: must be ("debug" | "info" | "warn" | "error"), is "loud"']],
      [`${LEAST}[listen]\nproxy-protocol = ["10.0.0.0/33"]\n`, ['t.toml:5: listen.proxy-protocol.0: "10.0.0.0/33" is not an IP address or a network like 10.0.0.0/8']],
    ];
    for (const [source, problems] of cases) assert.deepEqual(refused(source), problems, source);
  });

  test("TOML that cannot be parsed names its line", () => {
    assert.match(refused('hostname = "a"\n[store\n')[0]!, /^t\.toml:2: /);
  });

  test("lines are found behind text that only looks like a setting", () => {
    const source = `postmaster = """\nlimits.connections = 0\n"""\n${LEAST}[limits] # here\n# connections = 1\n"connections" = 0\n`;
    assert.deepEqual(refused(source).map((problem) => problem.split(":")[1]), ["1", "9"]);
  });
});

describe("the reference", () => {
  const docs = join(import.meta.dirname, "../../docs");
  test("docs/settings.md and the sample are current (npx node src/app/write-settings-reference.ts)", () => {
    assert.equal(readFileSync(join(docs, "settings.md"), "utf8"), writeReference());
    assert.equal(readFileSync(join(docs, "tayori.sample.toml"), "utf8"), writeSample());
  });
  test("the sample is accepted, also with every comment that holds a setting taken away", () => {
    accepted(writeSample());
    accepted(writeSample().replace(/^# ([a-z-]+ = )/gm, "$1"));
  });
  test("there are fewer than 60 settings", () => {
    assert(documentedSettings().length < 60);
  });
});
