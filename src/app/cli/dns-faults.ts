/** What can be wrong with what a domain publishes, in Japanese and English: what it means, and what to do. */
import type { DmarcFaultKind } from "../../dmarc/record.ts";
import type { SpfFaultKind } from "../../spf/lint.ts";

export type DnsFaultCode =
  | "mx-missing" | "mx-null" | "mx-elsewhere" | "mx-alias" | "mx-no-address"
  | "host-no-address" | "ptr-missing" | "ptr-mismatch" | "ptr-other-name"
  | `spf-${SpfFaultKind}` | "spf-not-us" | "spf-relay"
  | "dkim-no-key" | "dkim-rsa-missing" | "dkim-absent" | "dkim-different" | "dkim-withdrawn" | "dkim-waiting" | "dkim-revoked-visible"
  | "dmarc-missing" | "dmarc-several" | "dmarc-inherited" | "dmarc-no-rua" | "dmarc-rua-refused" | "dmarc-watching" | `dmarc-${DmarcFaultKind}`
  | "dns-unavailable";

export interface DnsFault {
  readonly code: DnsFaultCode;
  /** error: mail is lost or refused. warning: it works less well than it should. note: worth knowing. */
  readonly severity: "error" | "warning" | "note";
  /** The name in the DNS. */
  readonly name: string;
  /** The term, tag, address or host it is about; "" where there is none. */
  readonly detail: string;
}

/** `%` stands for the detail. */
const TEXTS: Readonly<Record<DnsFaultCode, readonly [ja: string, en: string]>> = {
  "mx-missing": ["MX レコードがありません。他のサーバーはメールの届け先がわかりません。", "There is no MX record: other servers do not know where to bring the mail."],
  "mx-null": ["MX が「メールを受け取らない」(null MX) と宣言しています。すべてのメールが拒否されます。", "The MX says that no mail is taken (a null MX): all of it is refused."],
  "mx-elsewhere": ["MX がこのサーバー (%) を指していません。メールは別のところに届きます。", "No MX names this server (%): the mail goes elsewhere."],
  "mx-alias": ["MX の % は CNAME です。禁じられており、届かないことがあります。A/AAAA を持つ名前にしてください。", "The MX % is an alias (CNAME). That is forbidden and some servers do not deliver: name a host with A or AAAA."],
  "mx-no-address": ["MX の % にアドレス (A/AAAA) がありません。", "The MX % has no address (A, AAAA)."],
  "host-no-address": ["この名前にアドレス (A/AAAA) がありません。EHLO で名乗る名前は引けなければなりません。", "The name has no address (A, AAAA): what is said in EHLO must resolve."],
  "ptr-missing": ["% に逆引き (PTR) がありません。多くの受信側が拒否します。アドレスの提供者に設定を頼んでください。", "% has no PTR: many receivers refuse mail from it. Ask whoever gave you the address."],
  "ptr-mismatch": ["% の逆引きの名前が、このアドレスに戻りません。PTR と A/AAAA を合わせてください。", "The PTR names of % do not lead back to it: make PTR and A or AAAA agree."],
  "ptr-other-name": ["% の逆引きは、EHLO で名乗る名前と違います。同じにすると判定が良くなります。", "The PTR of % is another name than the one said in EHLO: the same would be judged better."],
  "spf-unknown-mechanism": ["SPF に知らない機構 \"%\" があります。SPF 全体が無効 (permerror) です。", "SPF has an unknown mechanism \"%\": the whole record is void (permerror)."],
  "spf-record-too-long": ["SPF レコードが長すぎて読まれません。", "The SPF record is too long to be read."],
  "spf-missing-domain": ["SPF の \"%\" にドメインがありません。SPF 全体が無効 (permerror) です。", "SPF \"%\" lacks its domain: the whole record is void (permerror)."],
  "spf-unexpected-argument": ["SPF の \"%\" に余計な引数があります。SPF 全体が無効 (permerror) です。", "SPF \"%\" has an argument that does not belong there: the whole record is void (permerror)."],
  "spf-bad-domain": ["SPF の \"%\" のドメインが正しくありません。SPF 全体が無効 (permerror) です。", "The domain in SPF \"%\" is none: the whole record is void (permerror)."],
  "spf-bad-macro": ["SPF の \"%\" のマクロが正しくありません。SPF 全体が無効 (permerror) です。", "The macro in SPF \"%\" is none: the whole record is void (permerror)."],
  "spf-bad-character": ["SPF の \"%\" に使えない文字があります。SPF 全体が無効 (permerror) です。", "SPF \"%\" has a character that is not allowed: the whole record is void (permerror)."],
  "spf-bad-address": ["SPF の \"%\" のアドレスが正しくありません。SPF 全体が無効 (permerror) です。", "The address in SPF \"%\" is none: the whole record is void (permerror)."],
  "spf-bad-prefix-length": ["SPF の \"%\" の長さ (/) が正しくありません。SPF 全体が無効 (permerror) です。", "The prefix length in SPF \"%\" is none: the whole record is void (permerror)."],
  "spf-bad-modifier-name": ["SPF の \"%\" の名前が正しくありません。SPF 全体が無効 (permerror) です。", "The name of SPF \"%\" is none: the whole record is void (permerror)."],
  "spf-repeated-modifier": ["SPF の \"%\" が二度あります。SPF 全体が無効 (permerror) です。", "SPF \"%\" stands twice: the whole record is void (permerror)."],
  "spf-no-version": ["SPF が v=spf1 で始まっていません。", "The SPF record does not begin with v=spf1."],
  "spf-passes-everybody": ["SPF の \"%\" は全世界のサーバーに送信を許しています。~all か -all にしてください。", "SPF \"%\" lets every host of the world send as you: make it ~all or -all."],
  "spf-wide-network": ["SPF の \"%\" は広すぎて、他人のサーバーも含みます。", "SPF \"%\" is so wide that strangers are in it."],
  "spf-no-end": ["SPF の終わりに all も redirect もありません。どれにも合わない送信元が neutral になります。", "SPF ends without all or redirect: what matches nothing is neutral."],
  "spf-never-reached": ["SPF の \"%\" は all より後ろ (または all と一緒の redirect) なので、読まれません。", "SPF \"%\" stands behind all, or is a redirect beside it: nobody reads it."],
  "spf-ptr": ["SPF の \"%\" (ptr) は使わないよう求められています (RFC 7208)。遅く、当てになりません。", "SPF \"%\" uses ptr, which RFC 7208 asks not to publish: slow and unreliable."],
  "spf-dns-terms": ["SPF の DNS 参照が 10 回を超えます。受信側は permerror にします。include を減らしてください。", "SPF needs more than 10 look-ups: receivers answer permerror. Have fewer includes."],
  "spf-long-record": ["SPF が長く、UDP の応答に入らないことがあります。", "The SPF record is long: it may not fit an answer over UDP."],
  "spf-unknown-modifier": ["SPF の修飾子 \"%\" は知られていないので、無視されます。", "The SPF modifier \"%\" is unknown and is ignored."],
  "spf-no-record": ["SPF レコードがありません。多くの受信側が拒否します。", "There is no SPF record: many receivers refuse the mail."],
  "spf-multiple-records": ["SPF レコードが複数あります。受信側は permerror にします。一つにまとめてください。", "There are several SPF records: receivers answer permerror. Make one of them."],
  "spf-include-without-record": ["SPF の \"%\" の先に SPF がありません。SPF 全体が無効 (permerror) です。", "SPF \"%\" leads to no record: the whole record is void (permerror)."],
  "spf-redirect-without-record": ["SPF の \"%\" の先に SPF がありません。SPF 全体が無効 (permerror) です。", "SPF \"%\" leads to no record: the whole record is void (permerror)."],
  "spf-void-lookup": ["SPF の \"%\" を引いても何もありません。", "SPF \"%\" finds nothing."],
  "spf-void-lookups": ["SPF に、引いても何もない項目が 2 つを超えてあります。受信側は permerror にします。", "More than two SPF terms find nothing: receivers answer permerror."],
  "spf-mx-names": ["SPF の \"%\" の MX が 10 を超えます。受信側は permerror にします。", "SPF \"%\" has more than ten MX names: receivers answer permerror."],
  "spf-loop": ["SPF の \"%\" は自分に戻ります。", "SPF \"%\" leads back to itself."],
  "spf-dns-failure": ["SPF の \"%\" を引けませんでした。", "SPF \"%\" could not be looked up."],
  "spf-not-followed": ["SPF の \"%\" はメールごとに変わるので、先は調べていません。", "SPF \"%\" depends on the message: what is behind it was not checked."],
  "spf-not-us": ["このサーバーのアドレス % は、この SPF では pass になりません。送るメールの SPF が失敗します。", "Our address % does not pass this SPF: mail we send fails it."],
  "spf-relay": ["メールは中継サーバー (%) から出ます。SPF がそれを含むか、その提供者の説明で確かめてください。", "Mail leaves by a relay (%): see its provider's advice on whether this SPF names it."],
  "dkim-no-key": ["有効な DKIM 鍵がありません。メールは署名されず、大手の受信側に拒否されます。tayori dkim generate と activate を実行してください。", "No DKIM key is active: mail goes unsigned, and large receivers refuse it. Use tayori dkim generate, then activate."],
  "dkim-rsa-missing": ["Ed25519 の鍵だけです。知らない受信側が多いので、RSA の鍵も加えてください。", "Only an Ed25519 key is active. Many receivers do not know it: add an RSA key."],
  "dkim-absent": ["署名に使っている鍵 % の記録が DNS にありません。署名は検証できません。", "The DNS has no record of the key % that signs: nobody can verify it."],
  "dkim-different": ["DNS の % は、署名に使っている鍵と違うか、読めません。署名は失敗します。", "What the DNS has of % is another key or cannot be read: signatures fail."],
  "dkim-withdrawn": ["DNS の % は失効した鍵だと言っていますが、まだ署名に使っています。", "The DNS says that % is revoked, but it still signs."],
  "dkim-waiting": ["鍵 % は作られましたが、まだ使われていません。公開したら tayori dkim activate を実行してください。", "The key % is made and not used yet: publish it, then tayori dkim activate."],
  "dkim-revoked-visible": ["失効させた鍵 % がまだ DNS にあります。空の p= にしてください。", "The revoked key % is still in the DNS: publish an empty p=."],
  "dmarc-missing": ["DMARC レコードがありません。_dmarc に v=DMARC1; p=none; rua=… から始めてください。", "There is no DMARC record: begin with v=DMARC1; p=none; rua=… at _dmarc."],
  "dmarc-several": ["DMARC レコードが複数あり、すべて無視されます。一つにしてください。", "There are several DMARC records: all of them are ignored. Keep one."],
  "dmarc-inherited": ["このドメインに DMARC レコードはなく、上の % のものが使われます。", "The domain has no DMARC record of its own: that of % applies."],
  "dmarc-no-rua": ["rua がないので、他のサーバーからの集計レポートが届きません。", "Without rua no aggregate reports of other servers come."],
  "dmarc-rua-refused": ["レポートの宛先 % が、受け取りを承諾していません (_report._dmarc がない)。レポートは送られません。", "The host of % does not agree to get the reports (no _report._dmarc record): they are not sent."],
  "dmarc-watching": ["p=none は観察だけです。レポートで自分のメールがすべて pass とわかったら、quarantine に進めます。", "p=none only watches. When the reports show that all your mail passes, quarantine is the next step."],
  "dmarc-policy-read-as-none": ["DMARC の p・sp・np に正しい値がなく、p=none として読まれます。", "p, sp or np has no valid value: the record is read as p=none."],
  "dmarc-no-policy": ["DMARC に正しい p も rua もなく、何の働きもしません。", "The record has neither a valid p nor rua: it does nothing."],
  "dmarc-bad-value": ["DMARC の \"%\" は正しい値ではなく、既定値が使われます。", "\"%\" is no valid value: the default applies."],
  "dmarc-bad-uri": ["DMARC の宛先 \"%\" は URI ではありません。mailto: で書いてください。", "\"%\" is no URI: write it as mailto:."],
  "dmarc-too-many-uris": ["DMARC の宛先が多すぎます。", "There are too many addresses for reports."],
  "dmarc-repeated-tag": ["DMARC の \"%\" が二度、違う値で書かれ、どちらも無視されます。", "\"%\" stands twice with different values: neither counts."],
  "dmarc-removed-tag": ["DMARC の \"%\" は RFC 9989 でなくなりました。消してください。", "\"%\" means nothing since RFC 9989: remove it."],
  "dmarc-obsolete-size": ["DMARC の宛先 \"%\" の大きさの指定は、もう意味がありません。", "The size behind \"%\" means nothing any more."],
  "dmarc-unknown-tag": ["DMARC の \"%\" は知られていないタグで、無視されます。", "\"%\" is no known tag and is ignored."],
  "dmarc-bad-tag": ["DMARC の \"%\" はタグの形をしていません。", "\"%\" is no tag."],
  "dmarc-record-too-long": ["DMARC レコードが長すぎて読まれません。", "The DMARC record is too long to be read."],
  "dns-unavailable": ["DNS が答えませんでした (%)。", "The DNS did not answer (%)."],
};

/** One fault in both languages. */
export function explain({ code, detail }: DnsFault): { readonly ja: string; readonly en: string } {
  const [ja, en] = TEXTS[code];
  return { ja: ja.replace("%", () => detail), en: en.replace("%", () => detail) };
}
