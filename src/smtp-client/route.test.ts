import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Domain } from "../address/address.ts";
import { FakeRandom } from "../port/random.fake.ts";
import { FakeResolver } from "../port/resolver.fake.ts";
import { isPrivateAddress } from "./private-address.ts";
import { parseRoute, routeTo, type ConfiguredRoute } from "./route.ts";

const mx = (...records: readonly (readonly [number, string])[]) => ({ MX: records.map(([preference, exchange]) => ({ preference, exchange })) });
const ZONE = {
  "two.test": mx([20, "b.two.test"], [10, "A.two.test"]), "a.two.test": { A: ["192.0.2.1"], AAAA: ["2001:db8::1"] }, "b.two.test": { A: ["192.0.2.2", "192.0.2.3"], AAAA: ["2001:db8::2"] },
  "same.test": mx([5, "a.two.test"], [5, "c.same.test"]), "c.same.test": { A: ["192.0.2.9"] },
  "null.test": mx([0, ""]), "own.test": { A: ["192.0.2.4"] }, "alias.test": { CNAME: ["two.test"] }, "ring.test": { CNAME: ["ring.test"] },
  "empty.test": { TXT: ["x"] }, "gone.test": mx([10, "no.gone.test"]), "partly.test": mx([10, "slow.partly.test"]),
  "private.test": mx([10, "local.private.test"]), "local.private.test": { A: ["127.0.0.1", "10.1.2.3"], AAAA: ["::1"] },
  "mixed.test": mx([10, "local.private.test"], [20, "b.two.test"]),
  "backup.test": mx([10, "a.two.test"], [20, "mx.tayori.test"], [30, "b.two.test"]), "mx.tayori.test": { A: ["192.0.2.100"] },
  "ours.test": mx([10, "mx.tayori.test"]), "byaddress.test": mx([10, "other-name.test"]), "other-name.test": { A: ["192.0.2.100"] },
};
const FAIL = { "MX broken.test": "servfail", "MX slow.test": "timeout", "MX bogus.test": "bogus", "A slow.partly.test": "timeout", "AAAA slow.partly.test": "timeout" } as const;
const OURS = new Set(["mx.tayori.test", "192.0.2.100"]);

async function route(domain: string, routes: Record<string, ConfiguredRoute> = {}, seed = 1): Promise<string> {
  const answer = await routeTo(domain as Domain, { resolver: new FakeResolver(ZONE, FAIL), random: new FakeRandom(seed), routes: new Map(Object.entries(routes)), ownHosts: OURS });
  if (answer.kind !== "targets") return `${answer.kind} ${answer.reply.code} ${answer.reply.status}`;
  return answer.targets.map(({ host, address, port, tls }) => `${host}/${address}/${port}/${tls}`).join(" ");
}
const o = (host: string, address: string) => `${host}/${address}/25/opportunistic`;

describe("RFC 5321 section 5.1", () => {
  const cases: readonly (readonly [what: string, domain: string, answer: string])[] = [
    ["mail hosts by preference, IPv6 and IPv4 in turns", "two.test", [o("a.two.test", "2001:db8::1"), o("a.two.test", "192.0.2.1"), o("b.two.test", "2001:db8::2"), o("b.two.test", "192.0.2.2"), o("b.two.test", "192.0.2.3")].join(" ")],
    ["no MX: the domain's own address", "own.test", o("own.test", "192.0.2.4")],
    ["an alias", "alias.test", [o("a.two.test", "2001:db8::1"), o("a.two.test", "192.0.2.1"), o("b.two.test", "2001:db8::2"), o("b.two.test", "192.0.2.2"), o("b.two.test", "192.0.2.3")].join(" ")],
    ["aliases without end", "ring.test", "failed null 5.4.4"],
    ["no such domain", "nowhere.test", "failed null 5.1.2"],
    ["a domain without mail hosts and addresses", "empty.test", "failed null 5.4.4"],
    ["mail hosts without addresses", "gone.test", "failed null 5.4.4"],
    ["mail hosts whose addresses are not known now", "partly.test", "deferred null 4.4.3"],
    ["RFC 7505: null MX", "null.test", "failed 556 5.1.10"],
    ["servfail", "broken.test", "deferred null 4.4.3"],
    ["timeout", "slow.test", "deferred null 4.4.3"],
    ["bogus", "bogus.test", "deferred null 4.4.3"],
    ["only hosts better than ourselves", "backup.test", [o("a.two.test", "2001:db8::1"), o("a.two.test", "192.0.2.1")].join(" ")],
    ["we are the best: a loop", "ours.test", "failed null 5.4.6"],
    ["we are the best, by address", "byaddress.test", "failed null 5.4.6"],
    ["private addresses only", "private.test", "failed null 5.4.4"],
    ["private addresses among others", "mixed.test", [o("b.two.test", "2001:db8::2"), o("b.two.test", "192.0.2.2"), o("b.two.test", "192.0.2.3")].join(" ")],
    ["an address literal", "[192.0.2.7]", o("192.0.2.7", "192.0.2.7")],
    ["an IPv6 literal", "[IPv6:2001:db8::7]", o("2001:db8::7", "2001:db8::7")],
    ["a literal of ourselves", "[127.0.0.1]", "failed null 5.4.4"],
    ["an IPv6 literal of ourselves", "[IPv6:::1]", "failed null 5.4.4"],
  ];
  for (const [what, domain, answer] of cases) test(what, async () => assert.equal(await route(domain), answer));

  test("hosts of one preference take turns", async () => {
    const first = new Set<string>();
    for (let seed = 1; seed < 20; seed++) first.add((await route("same.test", {}, seed * 11_111)).split("/")[0]!);
    assert.deepEqual([...first].sort(), ["a.two.test", "c.same.test"]);
  });
});

describe("configured routes", () => {
  const to = (text: string, tls?: ConfiguredRoute["tls"]): ConfiguredRoute => parseRoute(text, tls)!;
  test("of one domain before that of all", async () => {
    const routes = { "two.test": to("127.0.0.1:2525", "none"), "*": to("b.two.test:587", "require") };
    assert.equal(await route("two.test", routes), "127.0.0.1/127.0.0.1/2525/none");
    assert.equal(await route("own.test", routes), ["2001:db8::2", "192.0.2.2", "192.0.2.3"].map((a) => `b.two.test/${a}/587/require`).join(" "));
  });
  test("a host that is not found defers", async () => assert.equal(await route("two.test", { "*": to("nowhere.test:25") }), "deferred null 4.4.3"));
  for (const [text, expected] of [["mx.test:25", "mx.test 25"], ["[::1]:2525", "::1 2525"], ["10.0.0.1:1", "10.0.0.1 1"], ["mx.test", null], ["mx.test:0", null], ["mx.test:65536", null], [":25", null], ["::1:25", null]] as const) {
    test(`"${text}"`, () => {
      const parsed = parseRoute(text);
      assert.equal(parsed === null ? null : `${parsed.host} ${parsed.port}`, expected);
    });
  }
});

describe("addresses that mail records may not lead to", () => {
  for (const address of ["127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "100.64.0.1", "169.254.1.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "224.0.0.1", "255.255.255.255", "::1", "::", "::ffff:127.0.0.1", "::ffff:7f00:1", "64:ff9b::a00:1", "fe80::1", "fec0::1", "fc00::1", "fd12::1", "ff02::1", "1.2.3", "300.1.1.1"]) {
    test(address, () => assert.equal(isPrivateAddress(address), true));
  }
  for (const address of ["192.0.2.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "223.255.255.255", "2001:db8::1", "2400::1", "64:ff9b::808:808"]) {
    test(`${address} is fine`, () => assert.equal(isPrivateAddress(address), false));
  }
});
