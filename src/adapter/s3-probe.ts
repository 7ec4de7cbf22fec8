/**
 * Finds out what a store can do, by trying: which form of conditions it understands, and whether it keeps to them when
 * writers race. A store that fails what is essential would lose mail without a word, so it is refused.
 */
import { S3_XML_BYTES_MAX } from "./limits.ts";
import type { S3Client, S3Result, S3World } from "./s3-client.ts";
import { bodyOf } from "./s3-client.ts";
import { troubleOf } from "./s3-trouble.ts";
import { encodeRfc3986, type S3Endpoint } from "./s3-url.ts";
import { parseList } from "./s3-xml.ts";
import { etagOf, written } from "./s3-etag.ts";

/** How etags are written in conditions: Ceph 16.2 answers 412 to every quoted If-Match. */
export interface S3Forms {
  readonly ifMatch: "quoted" | "bare";
  /** Null: the store does not heed it on GET. */
  readonly ifNoneMatch: "quoted" | "bare" | null;
}
export interface S3Finding {
  readonly name: string;
  readonly ok: boolean;
  /** Without it the store is refused. */
  readonly essential: boolean;
  readonly found: string;
}
export interface S3Probe {
  /** Null where no form of If-Match works. */
  readonly forms: S3Forms | null;
  readonly findings: readonly S3Finding[];
}
/** `short` at every start; `full` for an operator who considers a store. */
export type ProbeDepth = "short" | "full";
const EFFORT = { short: { writers: 8, races: 2, rounds: 1 }, full: { writers: 20, races: 20, rounds: 20 } } as const;

const NO_SUCH_ETAG = "0123456789abcdef0123456789abcdef";
const TRIES = 4;

/** Throws an Error when the store does not answer or lets nobody in. Everything it writes lies below `probe/` and is deleted again. */
export async function probeS3(client: S3Client, world: S3World, depth: ProbeDepth): Promise<S3Probe> {
  const probe = new Probe(client, world, depth);
  try {
    return await probe.run();
  } finally {
    await probe.cleanUp();
  }
}

/** The problems in words. */
export function writeProblems(findings: readonly S3Finding[]): { readonly essential: readonly string[]; readonly others: readonly string[] } {
  const of = (essential: boolean): string[] => findings.filter((finding) => !finding.ok && finding.essential === essential).map(({ name, found }) => `${name}: ${found}`);
  return { essential: of(true), others: of(false) };
}

interface Put {
  readonly ifAbsent?: true;
  /** As it is sent. */
  readonly ifMatch?: string;
  readonly on?: S3Endpoint;
  readonly contentMd5?: string;
}

class Probe {
  readonly #client: S3Client;
  readonly #world: S3World;
  readonly #effort: (typeof EFFORT)[ProbeDepth];
  readonly #full: boolean;
  readonly #folder: string;
  readonly #findings: S3Finding[] = [];
  readonly #keys = new Set<string>();
  #turn = 0;

  constructor(client: S3Client, world: S3World, depth: ProbeDepth) {
    this.#client = client;
    this.#world = world;
    this.#effort = EFFORT[depth];
    this.#full = depth === "full";
    this.#folder = `probe/${world.random.bytes(8).toString("hex")}/`;
  }

  async run(): Promise<S3Probe> {
    await this.#admitted();
    await this.#ifAbsent();
    const ifMatch = await this.#ifMatch();
    const ifNoneMatch = await this.#ifNoneMatch();
    await this.#everywhere();
    await this.#lists();
    await this.#race("races for an absent key", async () => ({ ifAbsent: true }));
    if (ifMatch !== null) {
      await this.#race("races from one etag", async (key) => ({ ifMatch: written(etagOf((await this.#put(key, "start", {})).etag), ifMatch) }));
    }
    await this.#deletes();
    if (this.#full) await this.#integrity();
    return { forms: ifMatch === null ? null : { ifMatch, ifNoneMatch }, findings: this.#findings };
  }

  async cleanUp(): Promise<void> {
    await Promise.all([...this.#keys].map((key) => this.#send({ method: "DELETE", key })));
  }

  #note(name: string, ok: boolean, found: string, essential = true): void {
    this.#findings.push({ name, ok, essential, found });
  }
  #key(name: string): string {
    const key = this.#folder + name;
    this.#keys.add(key);
    return key;
  }
  /** Each request goes to the next endpoint, so that what one wrote another reads. */
  #next(): S3Endpoint {
    const { endpoints } = this.#client.place;
    return endpoints[this.#turn++ % endpoints.length]!;
  }
  /** One request, tried elsewhere where it got no answer: an endpoint that is down is no fault of the store. */
  async #send(request: Parameters<S3Client["once"]>[0], on?: S3Endpoint): Promise<S3Result> {
    let endpoint = on ?? this.#next();
    for (let tries = 1; ; tries++) {
      const result = await this.#client.once(request, endpoint);
      if (tries >= TRIES || (result.kind === "response" && result.status < 500)) return result;
      await this.#world.clock.sleep(this.#world.random.below(100) * tries);
      endpoint = this.#client.pick(endpoint);
    }
  }
  /** The status, 0 for no answer, and the etag. */
  async #put(key: string, text: string, { ifAbsent, ifMatch, on, contentMd5 }: Put): Promise<{ readonly status: number; readonly etag: string | undefined; readonly version: boolean }> {
    const headers: Record<string, string> = {};
    if (ifAbsent) headers["if-none-match"] = "*";
    if (ifMatch !== undefined) headers["if-match"] = ifMatch;
    const body = await bodyOf(Buffer.from(text), this.#world.clock);
    const request = { method: "PUT" as const, key, headers, body: contentMd5 === undefined ? body : { ...body, md5: contentMd5 } };
    // A race must not try again: who lost would be told so, whatever the first try did.
    const result = on === undefined ? await this.#send(request) : await this.#client.once(request, on);
    if (result.kind !== "response") return { status: 0, etag: undefined, version: false };
    return { status: result.status, etag: result.headers.etag, version: result.headers["x-amz-version-id"] !== undefined };
  }
  async #text(key: string, on?: S3Endpoint): Promise<string | null> {
    const result = await this.#send({ method: "GET", key, bodyBytesMax: 1024 }, on);
    return result.kind === "response" && result.status === 200 ? result.body.toString() : null;
  }

  /** Whether anybody is there who lets us write. Everything after this is about what the store can do. */
  async #admitted(): Promise<void> {
    const result = await this.#send({ method: "PUT", key: this.#key("admitted"), body: await bodyOf(Buffer.from("admitted"), this.#world.clock) });
    if (result.kind !== "response" || result.status !== 200) throw new Error(`the store cannot be used: ${troubleOf(result).failure.detail}`);
    this.#note("etags", etagOf(result.headers.etag) !== "", `PUT answers ${result.headers.etag === undefined ? "without" : "with"} an etag`);
    const versions = result.headers["x-amz-version-id"] !== undefined;
    this.#note("versions", !versions, versions ? "the bucket keeps old versions: what is deleted stays readable there, keys of erased accounts too" : "the bucket keeps no old versions", false);
  }

  async #ifAbsent(): Promise<void> {
    const key = this.#key("absent");
    const first = await this.#put(key, "first", { ifAbsent: true });
    const second = await this.#put(key, "second", { ifAbsent: true });
    const there = await this.#text(key);
    // A first answer that was lost is answered 412 when it is asked again.
    this.#note("If-None-Match: *", (first.status === 200 || first.status === 412) && second.status === 412 && there === "first", `PUT answers ${first.status} where nothing is, ${second.status} where something is, and ${there === "first" ? "leaves" : "replaces"} it`);
  }

  /** The form in which the right etag is taken and a wrong one is not. */
  async #ifMatch(): Promise<S3Forms["ifMatch"] | null> {
    const key = this.#key("match");
    const seen: string[] = [];
    for (const form of ["quoted", "bare"] as const) {
      const old = etagOf((await this.#put(key, `old ${form}`, {})).etag);
      const swapped = await this.#put(key, `new ${form}`, { ifMatch: written(old, form) });
      const stale = await this.#put(key, `stale ${form}`, { ifMatch: written(old, form) });
      const wrong = await this.#put(key, `wrong ${form}`, { ifMatch: written(NO_SUCH_ETAG, form) });
      const there = await this.#text(key);
      const absent = await this.#put(this.#key("match-absent"), "made", { ifMatch: written(NO_SUCH_ETAG, form) });
      seen.push(`${form} ${swapped.status}, stale ${stale.status}, wrong ${wrong.status}, absent ${absent.status}`);
      const absentRefused = absent.status === 412 || absent.status === 404;
      if (swapped.status !== 200 || stale.status !== 412 || wrong.status !== 412 || !absentRefused || there !== `new ${form}`) continue;
      this.#note("If-Match", true, `etags are sent ${form}; PUT answers ${seen.join("; ")}`);
      return form;
    }
    this.#note("If-Match", false, `PUT answers ${seen.join("; ")}`);
    return null;
  }

  async #ifNoneMatch(): Promise<S3Forms["ifNoneMatch"]> {
    const key = this.#key("none-match");
    const etag = etagOf((await this.#put(key, "value", {})).etag);
    for (const form of ["quoted", "bare"] as const) {
      const same = await this.#send({ method: "GET", key, headers: { "if-none-match": written(etag, form) }, bodyBytesMax: 1024 });
      const other = await this.#send({ method: "GET", key, headers: { "if-none-match": written(NO_SUCH_ETAG, form) }, bodyBytesMax: 1024 });
      if (same.kind !== "response" || other.kind !== "response" || same.status !== 304 || other.status !== 200) continue;
      this.#note("If-None-Match on GET", true, `etags are sent ${form}`, false);
      return form;
    }
    this.#note("If-None-Match on GET", false, "not heeded: unchanged values are sent again", false);
    return null;
  }

  async #everywhere(): Promise<void> {
    const { endpoints } = this.#client.place;
    const key = this.#key("everywhere");
    let stale = 0;
    let reads = 0;
    const silent = new Set<string>();
    for (let round = 0; round < this.#effort.rounds; round++) {
      for (const writer of endpoints) {
        const text = `${round} over ${writer.name}`;
        if ((await this.#put(key, text, { on: writer })).status !== 200) {
          silent.add(writer.name);
          continue;
        }
        const seen = await Promise.all(endpoints.map((reader) => this.#text(key, reader)));
        reads += seen.length;
        stale += seen.filter((other) => other !== text).length;
      }
    }
    this.#note("read after write", stale === 0 && reads > 0, `${stale} of ${reads} reads over ${endpoints.length} endpoints were stale`);
    this.#note("endpoints", silent.size === 0, silent.size === 0 ? `all ${endpoints.length} answer` : `no answer from ${[...silent].join(", ")}`, false);
  }

  async #lists(): Promise<void> {
    const names = Array.from({ length: 4 * this.#effort.rounds }, (_, i) => this.#key(`list/${String(i).padStart(3, "0")}`));
    let missing = 0;
    let disordered = 0;
    for (const [i, key] of names.entries()) {
      await this.#put(key, "listed", {});
      const listed = await this.#listed("list/");
      missing += names.slice(0, i + 1).filter((name) => !listed.includes(name)).length;
      disordered += listed.filter((name, at) => at > 0 && name <= listed[at - 1]!).length;
    }
    const after = await this.#listed("list/", names[1]);
    const rest = names.slice(2);
    this.#note("list after put", missing === 0 && disordered === 0 && after.length === rest.length && after.every((name, i) => name === rest[i]), `${missing} keys were missing, ${disordered} out of order; start-after answers ${after.length} of ${rest.length}`);
  }
  async #listed(prefix: string, after?: string): Promise<readonly string[]> {
    const own = this.#client.place.prefix;
    const found: string[] = [];
    let last = after === undefined ? null : own + after;
    for (;;) {
      const query = `list-type=2&max-keys=1000&prefix=${encodeRfc3986(own + this.#folder + prefix)}${last === null ? "" : `&start-after=${encodeRfc3986(last)}`}`;
      const result = await this.#send({ method: "GET", key: null, query, bodyBytesMax: S3_XML_BYTES_MAX });
      const page = result.kind === "response" && result.status === 200 ? parseList(result.body) : null;
      found.push(...(page?.keys ?? []).map((key) => key.slice(own.length)));
      const end: string | undefined = page?.keys.at(-1);
      if (page?.truncated !== true || end === undefined || end === last) return found;
      last = end;
    }
  }

  /** Of writers over all endpoints one wins, and its value is there. Who got no answer may have won, too. */
  async #race(name: string, conditionFor: (key: string) => Promise<Put>): Promise<void> {
    const { endpoints } = this.#client.place;
    const { writers, races } = this.#effort;
    const answers = new Map<number, number>();
    const broken: string[] = [];
    for (let race = 0; race < races; race++) {
      const key = this.#key(`${name.replaceAll(" ", "-")}/${race}`);
      const condition = await conditionFor(key);
      const all = await Promise.all(Array.from({ length: writers }, (_, i) => this.#put(key, `writer ${i}`, { ...condition, on: endpoints[(race + i) % endpoints.length]! })));
      for (const { status } of all) answers.set(status, (answers.get(status) ?? 0) + 1);
      const there = await this.#text(key);
      const won = all.flatMap(({ status }, i) => (status === 200 ? [`writer ${i}`] : []));
      const perhaps = all.flatMap(({ status }, i) => (status === 0 || status >= 500 ? [`writer ${i}`] : []));
      const nobody = won.length === 0 && (there === null || there === "start");
      if (won.length > 1 || (won.length === 1 && there !== won[0])) broken.push(`${won.length} won`);
      else if (won.length === 0 && !nobody && !perhaps.includes(there ?? "")) broken.push("the value is of one who was refused");
      else if (nobody && perhaps.length === 0) broken.push("nobody won");
    }
    const counts = [...answers].sort(([a], [b]) => a - b).map(([status, count]) => `${count} × ${status === 0 ? "no answer" : status}`).join(", ");
    this.#note(name, broken.length === 0, `${races} of ${writers} writers over ${endpoints.length} endpoints: ${broken.length === 0 ? "one winner each" : broken.slice(0, 5).join(", ")} (${counts})`);
  }

  async #deletes(): Promise<void> {
    const key = this.#key("deleted");
    await this.#put(key, "there", {});
    const deleted = await this.#send({ method: "DELETE", key });
    const seen = await Promise.all(this.#client.place.endpoints.map((endpoint) => this.#text(key, endpoint)));
    const status = deleted.kind === "response" ? deleted.status : 0;
    this.#note("delete", (status === 204 || status === 200) && seen.every((text) => text === null), `answers ${status}, after which ${seen.filter((text) => text !== null).length} endpoints still have it`);
    const again = await this.#put(key, "again", { ifAbsent: true });
    this.#note("a deleted key is absent", again.status === 200, `PUT If-None-Match: * answers ${again.status}`);
  }

  async #integrity(): Promise<void> {
    const wrong = await this.#put(this.#key("md5"), "garbled", { contentMd5: "AAAAAAAAAAAAAAAAAAAAAA==" });
    this.#note("Content-MD5", wrong.status === 400, `a wrong one is answered ${wrong.status}`, false);
    const body = { bytes: Buffer.from("garbled"), sha256: "0".repeat(64), md5: null };
    const hash = await this.#send({ method: "PUT", key: this.#key("sha256"), body });
    this.#note("x-amz-content-sha256", hash.kind === "response" && hash.status === 400, `a wrong one is answered ${hash.kind === "response" ? hash.status : hash.kind}`, false);
  }
}
