/** Bugs that were made or could have been made, each as a change of the system's text. The simulation has to find every one. */
import type { TextChange } from "./modules.ts";
import type { Profile } from "./world.ts";

export interface PlantedBug {
  readonly name: string;
  readonly changes: readonly TextChange[];
  /** The kind of run that can show it. */
  readonly profile: Partial<Profile>;
  /** It is found within so many seeds, counted from 1. */
  readonly seedsMax: number;
}

const JOURNAL = "src/journal/journal.ts";
const SLEEPY: Partial<Profile> = { nodes: 3, users: ["alice"], pauses: true, hours: true, mail: false };
const ROUGH: Partial<Profile> = { nodes: 3, users: ["alice"], faults: true, crashes: true, hours: false, mail: false };
const MAIL: Partial<Profile> = { nodes: 3, users: ["alice"], faults: true, mail: true };

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: "an entry replaces another's", profile: ROUGH, seedsMax: 3,
    changes: [{ file: JOURNAL, from: "put(key, bytes, { ifAbsent: true })", to: "put(key, bytes, {})" }],
  },
  {
    name: "a writer does not look at the pointer after a long pause", profile: SLEEPY, seedsMax: 60,
    changes: [
      { file: JOURNAL, from: " || this.ageMs(this.#validatedAt) > VALID_FOR_MS) {\n      const fresh", to: ") {\n      const fresh" },
      { file: JOURNAL, from: "    if (this.ageMs(validatedAt) > VALID_FOR_MS) {", to: "    if (validatedAt === NEVER) {" },
    ],
  },
  {
    name: "yes is said before the entry is written", profile: ROUGH, seedsMax: 3,
    changes: [{ file: JOURNAL, from: "    if (draft.ops.length > 0) return", to: "    if (draft.ops.length > 0) for (const { waiting, result } of decided) waiting.done({ kind: \"done\", result, seq: this.#seq });\n    if (draft.ops.length > 0) return" }],
  },
  {
    name: "an unknown outcome is taken for a failure", profile: ROUGH, seedsMax: 5,
    changes: [{ file: JOURNAL, from: "if (answer.kind === \"failure\") attempts.push(attempt);", to: "if (answer.kind === \"failure\") return { kind: \"failed\", failure: { ...answer, outcome: \"none\" } };" }],
  },
  {
    name: "an own write that was given up for lost and was done is taken for another's", profile: ROUGH, seedsMax: 60,
    changes: [
      { file: JOURNAL, from: "const mine = attempts.find(", to: "const mine = [attempt].find(" },
      { file: JOURNAL, from: "landed = attempts.find((attempt) => attempt.seq === seq && attempt.id.equals(id)) ?? landed;", to: "landed = attempts.find((attempt) => attempt.seq < seq && attempt.id.equals(id)) ?? landed;" },
    ],
  },
  {
    name: "the state counts as valid from the answer on, not from the question", profile: SLEEPY, seedsMax: 60,
    changes: [
      { file: JOURNAL, from: "this.#validatedAt = askedAt;", to: "this.#validatedAt = this.moment();" },
      { file: JOURNAL, from: "      this.#validatedAt = end.askedAt;\n      return { kind: \"fresh\", changed: this.#seq", to: "      this.#validatedAt = this.moment();\n      return { kind: \"fresh\", changed: this.#seq" },
      { file: JOURNAL, from: "    if (this.ageMs(validatedAt) > VALID_FOR_MS) {", to: "    if (validatedAt === NEVER) {" },
      { file: JOURNAL, from: "      if (this.ageMs(since) > VALID_FOR_MS) continue;\n", to: "" },
    ],
  },
  {
    name: "an entry that one wrote is applied twice", profile: ROUGH, seedsMax: 3,
    changes: [{ file: JOURNAL, from: "    this.#advance(attempt.draft.ops, attempt.seq);", to: "    this.machine.apply(this.#state, attempt.draft.ops, attempt.seq);\n    this.#advance(attempt.draft.ops, attempt.seq);" }],
  },
  {
    name: "an UID is given again after a snapshot", profile: ROUGH, seedsMax: 20,
    changes: [{ file: "src/account/machine.ts", from: "writer.number(mailbox.uidNext)", to: "writer.number((mailbox.chunks.at(-1)?.lastUid ?? 0) + 1)" }],
  },
  {
    name: "a change of flags is lost in the next snapshot", profile: ROUGH, seedsMax: 10,
    changes: [{ file: "src/account/mailbox.ts", from: "      case \"flags\":\n        this.#soil(op.uids);", to: "      case \"flags\":" }],
  },
  {
    name: "entries are trimmed without the margin", profile: SLEEPY, seedsMax: 60,
    changes: [{ file: "src/journal/snapshot.ts", from: "Math.min(known, passedSince(head, clock.now(), TRIM_AFTER_MS))", to: "Math.min(known, passedSince(head, clock.now(), 0))" }],
  },
  {
    name: "large bodies are taken for garbage", profile: SLEEPY, seedsMax: 10,
    changes: [{ file: "src/account/maintenance.ts", from: "for (const name of columns!.objects.values()) objects.add(name);", to: "" }],
  },
  {
    name: "what a sleeper does not know is taken for garbage", profile: SLEEPY, seedsMax: 100,
    changes: [{ file: "src/account/maintenance.ts", from: "account.journal.validatedAt.wall", to: "account.journal.world.clock.now()" }],
  },
  {
    name: "a snapshot that was not stored is built upon", profile: ROUGH, seedsMax: 40,
    changes: [{ file: "src/journal/snapshot.ts", from: "captured.settle(moved.kind === \"moved\");", to: "captured.settle(true);" }],
  },
  {
    name: "a snapshot refers to parts of one that is gone", profile: SLEEPY, seedsMax: 60,
    changes: [
      { file: "src/journal/head.ts", from: "(current.head?.id ?? null) !== base || ", to: "" },
      { file: "src/account/account.ts", from: "const reloaded = await this.journal.reload();\n      if (reloaded.kind === \"failed\") return failureOf(reloaded.failure);\n      for", to: "for" },
    ],
  },
  {
    name: "UNCHANGEDSINCE is not heeded", profile: ROUGH, seedsMax: 5,
    changes: [{ file: "src/account/flag-change.ts", from: "columns.modseq[at]! > unchangedSince", to: "columns.modseq[at]! > unchangedSince + 1000" }],
  },
  {
    name: "who lost the lease records its results", profile: { nodes: 2, users: ["alice"], faults: false, crashes: false, pauses: true, hours: true, mail: true }, seedsMax: 40,
    changes: [{ file: "src/queue/runner.ts", from: "entry.lease.heldIn(state) ? operations : deliveriesOnly(operations)", to: "operations" }],
  },
  {
    name: "a directory that does not answer bounces mail", profile: MAIL, seedsMax: 20,
    changes: [
      { file: "src/delivery/local-transport.ts", from: "if (found.kind === \"unavailable\") return { outcomes: transaction.recipients.map(() => NO_DIRECTORY), destination: \"up\" };", to: "" },
      { file: "src/delivery/local-transport.ts", from: "case \"unavailable\": case \"unknown-domain\":", to: "case \"unavailable\":" },
      { file: "src/delivery/local-transport.ts", from: "case \"unknown-user\":", to: "case \"unknown-user\": case \"unknown-domain\":" },
    ],
  },
];
