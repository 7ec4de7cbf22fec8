/** The reference page and the sample file, written from the declaration of the settings. */
import * as v from "valibot";
import { declaration, type About } from "./settings.ts";

interface Documented {
  /** "" for the top of the file. */
  readonly section: string;
  readonly key: string;
  readonly about: About;
  /** TOML, where the declaration has a default. */
  readonly written: string | null;
  readonly required: boolean;
}

/** Every setting, in the order of the declaration. */
export function documentedSettings(): readonly Documented[] {
  const found: Documented[] = [];
  const visit = (section: string, entries: Readonly<Record<string, unknown>>): void => {
    for (const [key, entry] of Object.entries(entries)) {
      const inner = isObject(entry) && "wrapped" in entry ? entry.wrapped : entry;
      const about = aboutOf(inner);
      if (about === null) {
        if (!isObject(inner) || !isObject(inner.entries)) throw new Error(`${section}.${key} is not documented`);
        visit(key, inner.entries as Readonly<Record<string, unknown>>);
        continue;
      }
      const fallback = isObject(entry) && "wrapped" in entry ? entry.default : undefined;
      const optional = inner !== entry;
      const isWritten = fallback !== undefined && about.absent === undefined;
      found.push({ section, key, about, written: isWritten ? writeToml(fallback) : null, required: !optional });
    }
  };
  visit("", declaration.entries);
  return found;
}

const BY = "Written by `src/app/write-settings-reference.ts` from the declaration in `src/app/settings.ts`.";

/** docs/settings.md */
export function writeReference(): string {
  const lines = [
    "# Settings", "",
    `${BY} Do not edit this page.`, "",
    "One TOML file, named with `--config FILE`. Relative paths start from the folder of that file. A key that is not listed here is an error, and errors name the file, the line and the reason.", "",
    "- A duration is a whole number and `ms`, `s`, `m`, `h` or `d`: `\"90s\"`, `\"5d\"`.",
    "- A size is a whole number and `B`, `kB`, `MB`, `GB` (thousands) or `KiB`, `MiB`, `GiB` (1024s): `\"32MB\"`.",
    "- A place to listen or to connect to is `\"host:port\"`; an IPv6 address stands in brackets: `\"[::1]:25\"`. Port 0 lets the operating system choose.",
    "- A kind of listener that is not named does not listen.", "",
    "The sample file is [tayori.sample.toml](tayori.sample.toml).",
  ];
  let section: string | null = null;
  for (const setting of documentedSettings()) {
    if (setting.section !== section) {
      section = setting.section;
      lines.push("", section === "" ? "## At the top of the file" : `## [${section}]`, "", "| Setting | Type | Default | Meaning |", "|---|---|---|---|");
    }
    const { type, text, absent } = setting.about;
    const fallback = setting.required ? "must be given" : setting.written === null ? (absent ?? "") : `\`${setting.written}\``;
    lines.push(`| \`${setting.key}\` | ${cell(type)} | ${cell(fallback)} | ${cell(text)} |`);
  }
  return `${lines.join("\n")}\n`;
}

/** docs/tayori.sample.toml: what must be given and the usual listeners are set, everything else is commented out with its default. */
export function writeSample(): string {
  const lines = ["# Tayori settings. The reference is docs/settings.md; this file was written from the same declaration."];
  let section = "";
  for (const setting of documentedSettings()) {
    if (setting.section !== section) {
      section = setting.section;
      lines.push("", `[${section}]`);
    } else if (section === "") lines.push("");
    const { about, written, key, required } = setting;
    lines.push(`# ${about.text.replaceAll("`", "")}`);
    if (written === null && !required) lines.push(`# Default: ${(about.absent ?? "").replaceAll("`", "")}.`);
    const active = required || (section === "listen" && about.type === "list of host:port");
    lines.push(`${active ? "" : "# "}${key} = ${active ? about.sample! : (written ?? about.sample ?? '""')}`);
  }
  return `${lines.join("\n")}\n`;
}

function aboutOf(schema: unknown): About | null {
  if (!isObject(schema) || !("pipe" in schema)) return null;
  const { about } = v.getMetadata(schema as unknown as v.GenericSchema);
  return isObject(about) ? (about as unknown as About) : null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** Strings, numbers, booleans and lists are written the same in TOML as in JSON. */
function writeToml(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(writeToml).join(", ")}]` : JSON.stringify(value);
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
