/** A filter over a DNS in memory, and messages to judge. */
import { parseAddress, type ReversePath } from "../address/address.ts";
import { assert } from "../base/assert.ts";
import { PublicKeys } from "../dkim/public-keys.ts";
import { FakeClock } from "../port/clock.fake.ts";
import { FakeLog } from "../port/log.fake.ts";
import { noMetrics } from "../port/metrics.ts";
import type { Resolver } from "../port/resolver.ts";
import { Filter, type FilterWorld } from "./filter.ts";
import { Networks } from "./network.ts";

export const HOSTNAME = "mx.example.test";
export const TRACE = "Received: from client.peer.test (client.peer.test [192.0.2.7])\r\n\tby mx.example.test with ESMTP id 1;\r\n\tTue, 24 Nov 2026 09:00:00 +0900\r\n";

export function filterWorld(resolver: Resolver, options: Partial<FilterWorld> = {}): FilterWorld {
  return {
    resolver, keys: new PublicKeys(resolver), clock: new FakeClock(1_795_478_400_000), log: new FakeLog(), metrics: noMetrics,
    hostname: HOSTNAME, authservId: HOSTNAME, trusted: new Networks(["127.0.0.0/8", "::1/128"]), showLogin: false, ...options,
  };
}
export function fakeFilter(resolver: Resolver, options: Partial<FilterWorld> = {}): Filter {
  return new Filter(filterWorld(resolver, options));
}

export interface FakeReceived {
  readonly role: "mx" | "submission";
  readonly content: Buffer;
  readonly peer: { readonly address: string; readonly port: number };
  readonly helo: string;
  readonly envelope: { readonly reversePath: ReversePath };
  readonly login: { readonly accountId: string; readonly name: string } | null;
  readonly sessionId: string;
}
/** `message` gets the trace field of this hop in front. */
export function received(message: string | Buffer, options: { readonly from?: string; readonly address?: string; readonly helo?: string; readonly login?: string } = {}): FakeReceived {
  const { from = "author@peer.test", address = "192.0.2.7", helo = "client.peer.test", login } = options;
  const sender = from === "" ? null : parseAddress(from);
  assert(from === "" || sender !== null, "an address or nothing");
  return {
    role: login === undefined ? "mx" : "submission", content: Buffer.concat([Buffer.from(TRACE), Buffer.from(message)]), peer: { address, port: 40_000 }, helo,
    envelope: { reversePath: sender === null ? { kind: "null" } : { kind: "address", address: sender } },
    login: login === undefined ? null : { accountId: "a", name: login }, sessionId: "s1",
  };
}
