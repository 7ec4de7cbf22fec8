/** The text for people, in Japanese and English. It says what happened, why, and what to do; the peer's words come last. */
import { writeAddress } from "../address/address.ts";
import { domainToUnicode } from "../address/domain.ts";
import { writeDate } from "../message/date.ts";
import type { Action, Report, ReportedRecipient, ReportLanguage } from "./dsn.ts";
import { oneLine } from "./delivery-status.ts";
import { DIAGNOSTIC_OCTETS_MAX, TEXT_RECIPIENTS_MAX } from "./limits.ts";

type Bilingual = Readonly<Record<ReportLanguage, string>>;

const SUBJECT: Readonly<Record<Action, Bilingual>> = {
  failed: { ja: "メールを配信できませんでした", en: "Undelivered mail" },
  delayed: { ja: "メールの配信が遅れています", en: "Delayed mail (still being retried)" },
  delivered: { ja: "メールが配信されました", en: "Mail was delivered" },
  relayed: { ja: "メールを次のサーバーに渡しました", en: "Mail was passed to the next server" },
  expanded: { ja: "メールを複数の宛先に配信しました", en: "Mail was distributed to several recipients" },
};

const OPENING: Readonly<Record<Action, Bilingual>> = {
  failed: {
    ja: "お送りになったメールを、下記の宛先に配信できませんでした。このメールの再送は行われません。",
    en: "Your message could not be delivered to the recipients below. It will not be tried again.",
  },
  delayed: {
    ja: "お送りになったメールを、下記の宛先にまだ配信できていません。\n引き続き自動で再送しますので、送り直す必要はありません。",
    en: "Your message has not been delivered to the recipients below yet.\nIt is being retried; you do not need to send it again.",
  },
  delivered: {
    ja: "お送りになったメールは、下記の宛先のメールボックスに届きました。",
    en: "Your message has reached the mailboxes of the recipients below.",
  },
  relayed: {
    ja: "お送りになったメールを、下記の宛先のサーバーに渡しました。\n相手のサーバーは配信通知に対応していないため、これより先の通知は届かないことがあります。",
    en: "Your message was accepted by the servers of the recipients below.\nThose servers do not offer delivery notifications, so you may hear nothing more.",
  },
  expanded: {
    ja: "お送りになったメールを、下記の宛先に登録された方々に配信しました。",
    en: "Your message was distributed to the members behind the recipients below.",
  },
};

/** By the enhanced status code without its class (RFC 3463, RFC 5248 and the IANA registry). */
const REASONS: Readonly<Record<string, Bilingual>> = {
  "1.1": { ja: "宛先のメールアドレスが存在しません。アドレスに誤りがないかご確認ください。", en: "There is no such address. Please check its spelling." },
  "1.2": { ja: "宛先のドメイン（@ の右側）が存在しません。アドレスに誤りがないかご確認ください。", en: "The domain, the part after the @, does not exist. Please check its spelling." },
  "1.6": { ja: "宛先は移転し、新しいアドレスは分かりません。", en: "The recipient has moved and left no new address." },
  "1.10": { ja: "宛先のドメインはメールを受け取りません。", en: "The domain does not accept mail." },
  "2.1": { ja: "宛先のメールボックスは現在使われていません。", en: "The recipient's mailbox is disabled." },
  "2.2": { ja: "宛先のメールボックスがいっぱいです。", en: "The recipient's mailbox is full." },
  "2.3": { ja: "メールが宛先の受信できる大きさを超えています。", en: "The message is larger than the recipient accepts." },
  "3.4": { ja: "メールが相手のサーバーの受信できる大きさを超えています。", en: "The message is larger than the recipient's server accepts." },
  "4.1": { ja: "相手のサーバーに接続できません。", en: "The recipient's server cannot be reached." },
  "4.3": { ja: "宛先のドメインの情報（DNS）を調べられません。", en: "The domain could not be looked up in the DNS." },
  "4.6": { ja: "メールの転送が循環しています。", en: "The message is going round in a loop." },
  "4.7": { ja: "期限までに配信できませんでした。", en: "It could not be delivered in time." },
  "6.3": { ja: "相手のサーバーはこの形式のメールを扱えません。", en: "The recipient's server cannot handle this form of message." },
  "6.7": { ja: "相手のサーバーは国際化されたメールアドレスに対応していません。", en: "The recipient's server does not support internationalized addresses." },
  "7.1": { ja: "相手のサーバーの方針により拒否されました。", en: "The recipient's server refused it by its policy." },
};
const POLICY: Bilingual = { ja: "相手のサーバーが、認証や安全上の理由で受け取りませんでした。", en: "The recipient's server did not take it for reasons of security or policy." };

const LABELS: Readonly<Record<"address" | "reason" | "until" | "reply" | "more", Bilingual>> = {
  address: { ja: "宛先", en: "Recipient" },
  reason: { ja: "理由", en: "Reason" },
  until: { ja: "再送の期限", en: "Retrying until" },
  reply: { ja: "詳細", en: "Details" },
  more: { ja: "ほかの宛先は、添付の配信レポートに記載しています。", en: "Further recipients are in the attached report." },
};

export function reportSubject(report: Report): string {
  const { ja, en } = SUBJECT[report.action];
  return report.language === "ja" ? `${ja} / ${en}` : `${en} / ${ja}`;
}

export function reportText(report: Report): string {
  const order: readonly ReportLanguage[] = report.language === "ja" ? ["ja", "en"] : ["en", "ja"];
  return order.map((language) => section(report, language)).join("\n----------------------------------------\n\n");
}

function section(report: Report, language: ReportLanguage): string {
  const host = oneLine(report.reportingMta, DIAGNOSTIC_OCTETS_MAX, false);
  const greeting = language === "ja" ? `${host} のメールシステムからの自動送信メールです。` : `This is the mail system at ${host}.`;
  const shown = report.recipients.slice(0, TEXT_RECIPIENTS_MAX).map((recipient) => recipientText(report, recipient, language));
  const more = report.recipients.length > shown.length ? `${LABELS.more[language]}\n\n` : "";
  return `${greeting}\n\n${OPENING[report.action][language]}\n\n${shown.join("\n")}\n${more}`;
}

function recipientText(report: Report, recipient: ReportedRecipient, language: ReportLanguage): string {
  const lines = [`  ${LABELS.address[language]}: ${readable(recipient)}`];
  if (report.action === "failed" || report.action === "delayed") {
    const reason = reasonOf(recipient.status);
    if (reason !== null) lines.push(`  ${LABELS.reason[language]}: ${reason[language]}`);
    if (recipient.diagnostic !== null) lines.push(`  ${LABELS.reply[language]}: ${replyText(recipient)}`);
  }
  if (report.action === "delayed" && recipient.willRetryUntil !== null) lines.push(`  ${LABELS.until[language]}: ${writeDate(recipient.willRetryUntil)}`);
  return `${lines.join("\n")}\n`;
}

function readable({ address }: ReportedRecipient): string {
  const written = writeAddress(address);
  const at = written.lastIndexOf("@");
  return `${written.slice(0, at)}@${domainToUnicode(address.domain)}`;
}

function reasonOf(status: string): Bilingual | null {
  const rest = /^[245]\.(\d{1,3}\.\d{1,3})$/.exec(status)?.[1];
  if (rest === undefined) return null;
  return REASONS[rest] ?? (rest.startsWith("7.") ? POLICY : null);
}

function replyText({ diagnostic, remoteMta }: ReportedRecipient): string {
  if (diagnostic === null) return "";
  const words = oneLine(diagnostic.text, DIAGNOSTIC_OCTETS_MAX, true);
  if (diagnostic.from === "local") return words;
  return `${remoteMta === null ? "" : `${oneLine(remoteMta, DIAGNOSTIC_OCTETS_MAX, false)}: `}${diagnostic.code} ${words}`;
}
