/** Commands over a store in a bucket. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { FAKE_BUCKET, FAKE_CREDENTIALS, FakeS3, type FakeS3Options } from "../../adapter/s3-server.fake.ts";
import { cliWorld, type CliWorld } from "./cli-world.fake.ts";

async function world(options: FakeS3Options, run: (world: CliWorld, fakes: readonly FakeS3[]) => Promise<void>): Promise<void> {
  const objects = new Map<string, Buffer>();
  const fakes = [await FakeS3.start({ objects, ...options }), await FakeS3.start({ objects, ...options })];
  const cli = cliWorld(`hostname = "mx.example.test"\n[store]\nurl = "s3:${FAKE_BUCKET}?endpoint=${fakes.map(({ endpoint }) => endpoint).join(",")}&credentials=s3.credentials"\n`);
  writeFileSync(join(cli.folder, "s3.credentials"), `aws_access_key_id=${FAKE_CREDENTIALS.id}\naws_secret_access_key=${FAKE_CREDENTIALS.secret}\n`);
  try {
    await run(cli, fakes);
  } finally {
    cli.remove();
    for (const fake of fakes) await fake.stop();
  }
}

describe("a store in a bucket", () => {
  test("is probed in full, and nothing is left of it", () => world({ quirks: { bareIfMatchOnly: true } }, async ({ tayori }, [fake]) => {
    const { code, out } = await tayori(["store", "probe"]);
    assert.equal(code, 0);
    assert.match(out, /ok +If-Match +etags are sent bare; .*\n/);
    assert.match(out, /races for an absent key +20 of 20 writers over 2 endpoints: one winner each \(20 × 200, 380 × 412\)/);
    assert.match(out, /The store can be used\.\n$/);
    assert.deepEqual([...fake!.objects.keys()], []);
  }));
  test("that is not fit is said to be so, with exit code 1, and no command uses it", () => world({ quirks: { notAtomic: true } }, async ({ tayori }, [fake]) => {
    const { code, err } = await tayori(["store", "probe"]);
    assert.equal(code, 1);
    assert.match(err, /must not be used[^]*FAILS +races for an absent key +20 of 20 writers over 2 endpoints: [0-9]+ won/);
    const used = await tayori(["domain", "add", "example.test"]);
    assert.equal(used.code, 1);
    assert.match(used.err, /the store cannot be used: races/);
    assert.deepEqual([...fake!.objects.keys()], []);
  }));
  test("is used by every command, also while one of its endpoints is down", () => world({}, async ({ tayori, json }, [first]) => {
    await json(["domain", "add", "example.test"]);
    await first!.stop();
    await json(["account", "add", "a@example.test", "--password-stdin"], "correct-horse-7\n");
    const stats = await json(["store", "stats"]) as { accounts: number; objects: number };
    assert.deepEqual([stats.accounts, stats.objects], [1, first!.objects.size]);
    assert.deepEqual((await tayori(["store", "check"])).code, 0);
  }));
  test("without credentials is refused with a word of where they are looked for", () => world({}, async ({ tayori, folder }) => {
    writeFileSync(join(folder, "s3.credentials"), "aws_access_key_id=only-half\n");
    for (const argv of [["store", "probe"], ["domain", "list"]]) {
      const { code, err } = await tayori(argv);
      assert.equal(code, 1);
      assert.match(err, /aws_access_key_id and aws_secret_access_key in .*s3\.credentials: one is missing/);
      assert.ok(!err.includes("only-half"));
    }
  }));
});
