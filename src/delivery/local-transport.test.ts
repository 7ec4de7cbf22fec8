import assert from "node:assert/strict";
import { test } from "node:test";
import { newBodyCache } from "../account/account.ts";
import { Accounts } from "../account/accounts.ts";
import { address, domain, fakeDirectory } from "../directory/directory-world.fake.ts";
import { Keyring } from "../journal/keyring.ts";
import { FakeLog } from "../port/log.fake.ts";
import type { StoreFault } from "../port/object-store.fake.ts";
import { FakeRandom } from "../port/random.fake.ts";
import type { DeliveryAttempt, MailTransaction } from "../queue/transport.ts";
import { LocalTransport } from "./local-transport.ts";

const REPLY = { code: 250, status: "2.0.0", text: "ok", remoteMta: "mx.other.test" };

test("a directory that does not answer once bounces nobody's mail", async () => {
  for (let failing = 0; failing < 4; failing++) {
    let reads = 0;
    const fail = (): StoreFault | null => (reads++ === failing ? { failure: "before" } : null);
    const world = fakeDirectory({ fail });
    const others = {
      deliver: async (_: string, transaction: MailTransaction): Promise<DeliveryAttempt> => ({ destination: "up", outcomes: transaction.recipients.map(() => ({ kind: "delivered", reply: REPLY, dsnPassedOn: false })) }),
    };
    const journals = { store: world.store, clock: world.clock, random: new FakeRandom(1), log: new FakeLog() };
    const accounts = new Accounts(journals, new Keyring(world.store, Buffer.alloc(32, 1), journals.random), { idleBytesMax: 0, bodies: newBodyCache(0) });
    const transport = new LocalTransport({ accounts, directory: world.directory, recipients: world.recipients, clock: world.clock }, others);
    const recipient = { address: address("someone@other.test"), notify: null, originalRecipient: null };
    const envelope = { reversePath: { kind: "null" }, ret: null, envelopeId: null, bodyType: "7bit", smtpUtf8: false } as const;
    const attempt = await transport.deliver(domain("other.test"), { envelope, recipients: [recipient], content: Buffer.from("Subject: x\r\n\r\n") });
    assert.equal(attempt.outcomes[0]?.kind, failing === 0 ? "deferred" : "delivered", `read ${failing} fails`);
  }
});
