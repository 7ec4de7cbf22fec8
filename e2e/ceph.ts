/** A real Ceph cluster of this machine only, with two S3 gateways: brought up, hurt and taken down. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { basename, join, resolve } from "node:path";
import { freePort } from "./ports.ts";
import { eventually, mustRun, processEnded, programPath, removeDirectory, temporaryDirectory } from "./program.ts";
import { REPOSITORY } from "./server.ts";

const SCRIPTS = resolve(REPOSITORY, "../shared/ceph");
const PACKAGES = ["ceph-mon", "ceph-mgr", "ceph-osd", "radosgw", "ceph-common", "python3-rados"];
const PROGRAMS = ["ceph-mon", "ceph-mgr", "ceph-osd", "radosgw", "radosgw-admin", "ceph"];
const POLICY = "/usr/sbin/policy-rc.d";
const BUCKET = "mail";
const INSTALL_MS = 600_000;
const UP_MS = 240_000;
const OSDS = 3;

export const CEPH_CREDENTIALS = { id: "TESTACCESSKEY0000001", secret: "testsecret0000000000000000000000000000001" } as const;

export class CephCluster {
  readonly directory: string;
  readonly #environment: Readonly<Record<string, string>>;

  private constructor(directory: string, environment: Readonly<Record<string, string>>) {
    this.directory = directory;
    this.#environment = environment;
  }

  /** Three OSDs, two parts of data and one of parity (2+1), their disks in memory: what one has promised outlives its kill. Installs Debian's packages where they are missing. */
  static async start(): Promise<CephCluster> {
    await installPackages();
    const directory = temporaryDirectory("ceph");
    // Two gateways and one monitor, each on a port of its own; the second gateway's is the one after the first's.
    const [gateways, monitor] = [await freePair(), await freePort()];
    const cluster = new CephCluster(directory, {
      OSDS: String(OSDS), K: "2", M: "1", MONS: "1", RGWS: "2", META_SIZE: "3", META_MIN: "2", OBJECTSTORE: "bluestore", OSD_DIR: join("/dev/shm", basename(directory)),
      RGW_PORT: String(gateways), MON_PORT: String(monitor), S3_KEY: CEPH_CREDENTIALS.id, S3_SECRET: CEPH_CREDENTIALS.secret, BUCKET,
    });
    try {
      await cluster.up();
    } catch (error) {
      await cluster.dispose();
      throw error;
    }
    return cluster;
  }

  /** `s3:…`, over both gateways unless one is named. */
  url(parameters: Readonly<Record<string, string>> = {}, gateway?: 0 | 1): string {
    const port = Number(this.#environment["RGW_PORT"]);
    const endpoints = [port, port + 1].map((number) => `http://127.0.0.1:${number}`);
    const more = Object.entries(parameters).map(([name, value]) => `&${name}=${value}`).join("");
    return `s3:${BUCKET}?endpoint=${gateway === undefined ? endpoints.join(",") : endpoints[gateway]}${more}`;
  }

  /** Starts whatever is not running. */
  async up(): Promise<void> {
    mkdirSync(this.#environment["OSD_DIR"] ?? "", { recursive: true });
    await mustRun(join(SCRIPTS, "ceph-up.sh"), [this.directory], { env: this.#environment, timeoutMs: UP_MS });
    // The script sets a limit that a key of 512 octets does not fit into; Ceph's own is 2048.
    for (let osd = 0; osd < OSDS; osd++) {
      await mustRun("ceph", ["--admin-daemon", join(this.directory, `run/osd.${osd}.asok`), "config", "set", "osd_max_object_name_len", "2048"], { env: { CEPH_CONF: join(this.directory, "ceph.conf") } });
    }
  }
  /** kill -9 of one daemon: "osd.0", "client.rgw.a", "mon.a". */
  async kill(daemon: string): Promise<void> {
    const pid = Number(readFileSync(join(this.directory, `run/${daemon}.pid`), "latin1"));
    process.kill(pid, "SIGKILL");
    await eventually(`the end of ${daemon}`, () => (processEnded(pid) ? true : undefined));
  }
  async dispose(): Promise<void> {
    await mustRun(join(SCRIPTS, "ceph-down.sh"), [this.directory, "--wipe"]);
    rmSync(this.#environment["OSD_DIR"] ?? "", { recursive: true, force: true });
    removeDirectory(this.directory);
  }
}

async function freePair(): Promise<number> {
  for (;;) {
    const port = await freePort();
    if (await isFree(port + 1)) return port;
  }
}
function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.once("error", () => done(false));
    server.listen(port, "127.0.0.1", () => server.close(() => done(true)));
  });
}

/** The suites start daemons of their own; those of the packages stay down. */
async function installPackages(): Promise<void> {
  const missing = PROGRAMS.filter((name) => { try { programPath(name); return false; } catch { return true; } });
  if (missing.length === 0) return;
  const own = !existsSync(POLICY);
  if (own) writeFileSync(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  const options = ["-o", "DPkg::Lock::Timeout=600", "-q"];
  try {
    await mustRun("apt-get", [...options, "update"], { timeoutMs: INSTALL_MS });
    await mustRun("apt-get", [...options, "install", "-y", "--no-install-recommends", ...PACKAGES], { timeoutMs: INSTALL_MS, env: { DEBIAN_FRONTEND: "noninteractive" } });
  } finally {
    if (own) rmSync(POLICY);
  }
}
