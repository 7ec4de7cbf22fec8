/** The surroundings of a real process. */
import type { CliIo } from "./io.ts";

/** A password and a line end; more than this is a mistake. */
const STDIN_BYTES_MAX = 64 * 1024;

export const nodeIo: CliIo = {
  cwd: process.cwd(),
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  async readAll() {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of process.stdin) {
      const octets = Buffer.from(chunk as Uint8Array);
      chunks.push(octets);
      bytes += octets.length;
      if (bytes > STDIN_BYTES_MAX) throw new Error(`more than ${STDIN_BYTES_MAX} octets on standard input`);
    }
    return Buffer.concat(chunks).toString("utf8");
  },
  told() {
    return new Promise((resolve) => {
      // Told once, the process ends in order; told twice, at once, as without us.
      for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
    });
  },
  async askSecret(prompt) {
    const { stdin, stderr } = process;
    if (!stdin.isTTY) return null;
    stderr.write(prompt);
    stdin.setRawMode(true);
    stdin.resume();
    try {
      return await new Promise((resolve) => {
        let typed = "";
        stdin.setEncoding("utf8").on("data", (chunk: string) => {
          for (const char of chunk) {
            if (char === "\r" || char === "\n") return resolve(typed);
            if (char === "\u0003" || char === "\u0004") return resolve("");
            typed = char === "\u007f" || char === "\b" ? [...typed].slice(0, -1).join("") : typed + char;
          }
        });
      });
    } finally {
      stdin.removeAllListeners("data").setRawMode(false).pause();
      stderr.write("\n");
    }
  },
};
