import type { Address } from "../address/address.ts";
import { addressKey } from "../address/address.ts";
import type { DeliveryAnswer, Intake, ReceivedMessage, RecipientAnswer } from "../delivery/received.ts";
import type { Login } from "../sasl/authenticator.ts";

/** Local parts of example.test and what RCPT is told of them; others there are unknown, other domains are relayed for logins only. */
const ANSWERS: Readonly<Record<string, RecipientAnswer["kind"]>> = {
  alice: "accepted", bob: "accepted", postmaster: "accepted", "ユーザ": "accepted",
  full: "over-quota", closed: "disabled", busy: "unavailable",
};

/** Keeps what was delivered. A login may write as its own name. */
export class FakeIntake implements Intake {
  readonly delivered: ReceivedMessage[] = [];
  /** What the next deliveries answer; then "accepted". */
  readonly answers: (DeliveryAnswer | Error | Promise<DeliveryAnswer>)[] = [];
  authorship: "known" | "unavailable" = "known";

  async recipient(address: Address, context: { readonly login: Login | null }): Promise<RecipientAnswer> {
    if (address.localPart === "throws") throw new Error("a fault with words of the message");
    if (address.domain !== "example.test" && address.domain !== "mx.example.test") return { kind: context.login === null ? "relay-denied" : "accepted" };
    return { kind: ANSWERS[address.localPart.toLowerCase()] ?? (address.localPart.startsWith("list-") ? "accepted" : "unknown") };
  }
  async maySendAs(login: Login, address: Address): Promise<boolean | "unavailable"> {
    return this.authorship === "unavailable" ? "unavailable" : addressKey(address) === login.name;
  }
  async deliver(message: ReceivedMessage): Promise<DeliveryAnswer> {
    const answer = this.answers.shift() ?? { kind: "accepted", queueId: `q${this.delivered.length + 1}` };
    if (answer instanceof Error) throw answer;
    const settled = await answer;
    if (settled.kind === "accepted") this.delivered.push(message);
    return settled;
  }
}
