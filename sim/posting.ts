/** Those who send mail, and what must have become of it in the end. */
import { parseAddress } from "../src/address/address.ts";
import type { DeliveryAnswer, ReceivedMessage } from "../src/delivery/received.ts";
import { type Knowledge, newContent } from "./actors.ts";
import type { SimNode } from "./node.ts";
import { tokenOf } from "./token.ts";
import { holds } from "./trace.ts";
import type { World } from "./world.ts";

export interface Posted {
  readonly token: string;
  readonly content: Buffer;
  readonly sender: string;
  readonly recipients: readonly string[];
  accepted: boolean;
}
const ELSEWHERE = ["one@ok.test", "two@ok.test", "x@bad.test", "y@slow.test"];

function address(text: string) {
  const parsed = parseAddress(text);
  holds(parsed !== null, () => `${text} is no address`);
  return parsed;
}

export async function post(world: World, known: Knowledge, node: SimNode, posted: Posted[]): Promise<string> {
  if (node.mail === null) return "post: not up";
  const { delivery } = node.mail;
  const here = world.profile.users.map((user) => `${user}@home.test`);
  const recipients = [...here, ...ELSEWHERE].filter(() => world.pick(3) === 0);
  if (recipients.length === 0) recipients.push(here[0]!);
  const token = known.token();
  const sender = world.pick(2) === 0 ? here[0]! : "sender@ok.test";
  const one: Posted = { token, content: newContent(world, token), sender, recipients, accepted: false };
  posted.push(one);
  for (const user of world.profile.users) if (recipients.includes(`${user}@home.test`)) world.tried(token, user);
  const message: ReceivedMessage = {
    envelope: { reversePath: { kind: "address", address: address(sender) }, recipients: recipients.map((text) => ({ address: address(text), notify: null, originalRecipient: null })), ret: null, envelopeId: null, bodyType: "7bit", smtpUtf8: false },
    content: one.content, role: "mx", peer: { address: "192.0.2.1", port: 25 }, helo: "ok.test", tls: false, login: null, sessionId: token, receivedAt: node.clock.now(),
  };
  const answer: DeliveryAnswer | "died" = await node.run(() => delivery.deliver(message));
  one.accepted = answer !== "died" && answer.kind === "accepted";
  return `post ${token} ${answer === "died" ? answer : answer.kind}`;
}

/** Every recipient of an accepted message has it once for each try at most, or its sender was told. */
export function checkPosted(world: World, posted: readonly Posted[]): void {
  const reports = world.reports.map((content) => content.toString("latin1"));
  for (const truth of world.observer.accounts.values()) for (const trail of truth.trails.values()) if (trail.by === "append" && tokenOf(trail.content) === null) reports.push(trail.content.toString("latin1"));
  for (const { token, content, recipients, accepted, sender } of posted) {
    for (const recipient of recipients) {
      const [user, domain] = recipient.split("@") as [string, string];
      const times = domain === "home.test" ? inMailboxes(world, user, token, content) : (world.taken.get(`${token} ${recipient}`) ?? 0);
      // A report waits for room in the sender's mailbox only as long as any message does.
      const told = Number.isFinite(world.quotas.get(sender.split("@")[0]!) ?? Infinity) && sender.endsWith("@home.test") || reports.some((report) => report.includes(`X-Token: ${token}\r`) && report.includes(recipient));
      holds(!accepted || times > 0 || told, () => `${token} from ${sender} was accepted for ${recipient}, who did not get it; nobody was told`);
      if (domain === "home.test") holds(times <= (world.localTries.get(`${token} ${user}`) ?? 0), () => `${token} is in the mailboxes of ${user} ${times} times`);
      if (!world.profile.faults && !world.profile.crashes && !world.profile.pauses) holds(times <= 1, () => `${token} came to ${recipient} ${times} times, and nothing went wrong`);
    }
  }
}
function inMailboxes(world: World, user: string, token: string, content: Buffer): number {
  let times = 0;
  for (const trail of world.observer.accounts.get(`a/${user}/`)?.trails.values() ?? []) {
    if (trail.by !== "append" || tokenOf(trail.content) !== token) continue;
    holds(trail.content.subarray(trail.content.length - content.length).equals(content), () => `${token} came to ${user} with other octets`);
    times += 1;
  }
  return times;
}
