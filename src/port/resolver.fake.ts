import type { Answer, RecordOf, RecordType, Resolver } from "./resolver.ts";

type Zone = Readonly<Record<string, Partial<{ [T in RecordType]: readonly RecordOf[T][] }>>>;

/** A zone in memory. `fail` lists questions that fail, as "TXT example.test". Names in no record are nxdomain unless a record lies below them. */
export class FakeResolver implements Resolver {
  readonly zone: Zone;
  readonly fail: ReadonlyMap<string, "servfail" | "timeout" | "bogus">;
  readonly questions: string[] = [];
  constructor(zone: Zone, fail: Readonly<Record<string, "servfail" | "timeout" | "bogus">> = {}) {
    this.zone = Object.fromEntries(Object.entries(zone).map(([name, records]) => [name.toLowerCase(), records]));
    this.fail = new Map(Object.entries(fail));
  }
  async resolve<T extends RecordType>(name: string, type: T): Promise<Answer<RecordOf[T]>> {
    const key = name.toLowerCase().replace(/\.$/, "");
    this.questions.push(`${type} ${key}`);
    const because = this.fail.get(`${type} ${key}`);
    if (because !== undefined) return { kind: "failure", because };
    const records = this.zone[key]?.[type] as readonly RecordOf[T][] | undefined;
    const [first, ...rest] = records ?? [];
    if (first !== undefined) return { kind: "records", records: [first, ...rest], authentic: false, ttl: 300 };
    const exists = key in this.zone || Object.keys(this.zone).some((other) => other.endsWith(`.${key}`));
    return { kind: "void", because: exists ? "nodata" : "nxdomain", authentic: false, ttl: 300 };
  }
}
