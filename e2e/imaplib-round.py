"""One round through IMAP with Python's own client: imaplib-round.py IMAPS_PORT SMTP_PORT CAFILE USER PASSWORD."""
import email
import imaplib
import re
import smtplib
import ssl
import sys
import time

imap_port, smtp_port, cafile, user, password = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:6]
context = ssl.create_default_context(cafile=cafile)


def letter(number):
    text = f"From: a@peer.test\r\nTo: {user}\r\nSubject: python {number}\r\nMessage-ID: <p{number}@peer.test>\r\n\r\nbody number {number}\r\n"
    return text.encode()


def ok(answer):
    status, data = answer
    assert status == "OK", answer
    return data


imaplib.Debug = 0
imap = imaplib.IMAP4_SSL("localhost", imap_port, ssl_context=context, timeout=20)
assert "IMAP4REV1" in imap.capabilities, imap.capabilities
try:
    imap.login(user, "wrong")
    raise SystemExit("a wrong password was accepted")
except imaplib.IMAP4.error:
    pass
imap.login(user, password)

assert any(re.search(rb'INBOX"?$', line) for line in ok(imap.list()))
ok(imap.create("Work"))
ok(imap.create('"Work/Plans 2026"'))
ok(imap.create("&i8txQmb4-"))
names = b"\n".join(ok(imap.list()))
assert b"Work/Plans 2026" in names and b"&i8txQmb4-" in names, names
assert imap.create("Work")[0] == "NO", "a mailbox was created twice"
ok(imap.rename("Work", "Projects"))
assert b"Projects/Plans 2026" in b"\n".join(ok(imap.list())), "RENAME leaves the children behind"
ok(imap.subscribe("Projects"))
assert any(b"Projects" in line for line in ok(imap.lsub()))
ok(imap.unsubscribe("Projects"))

for number in range(1, 11):
    ok(imap.append("INBOX", r"(\Seen)" if number % 2 else "", imaplib.Time2Internaldate(1_700_000_000 + number), letter(number)))
assert ok(imap.select("INBOX")) == [b"10"]
assert ok(imap.status("INBOX", "(MESSAGES UNSEEN UIDNEXT UIDVALIDITY)"))[0].count(b" ") >= 8

data = ok(imap.fetch("1:*", "(UID FLAGS INTERNALDATE RFC822.SIZE)"))
assert len(data) == 10, data
first = ok(imap.fetch("1", "(BODY.PEEK[])"))[0]
assert first[1] == letter(1), first
part = ok(imap.fetch("3", "(BODY.PEEK[TEXT]<5.6>)"))[0]
assert part[1] == b"number", part
assert b"<5>" in part[0], part
fields = ok(imap.fetch("2", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])"))[0]
assert email.message_from_bytes(fields[1])["Subject"] == "python 2", fields

assert ok(imap.search(None, "SEEN")) == [b"1 3 5 7 9"]
assert ok(imap.search(None, "SUBJECT", '"python 1"')) == [b"1 10"]
assert ok(imap.search(None, "BODY", '"number 7"')) == [b"7"]
assert ok(imap.search(None, "OR", "FLAGGED", "NOT", "SEEN")) == [b"2 4 6 8 10"]

assert rb"\Flagged" in ok(imap.store("4", "+FLAGS", r"(\Flagged)"))[0]
assert b"$Label1" in ok(imap.uid("STORE", "5", "+FLAGS", "($Label1)"))[0]
assert ok(imap.search(None, "KEYWORD", "$Label1")) == [b"5"]
assert rb"\Flagged" not in ok(imap.store("4", "-FLAGS", r"(\Flagged)"))[0]

ok(imap.copy("1:3", "Projects"))
ok(imap.uid("MOVE", "4:5", "Projects"))
assert ok(imap.select("Projects")) == [b"5"]
assert rb"$Label1" in ok(imap.fetch("5", "(FLAGS)"))[0], "MOVE loses keywords"
assert ok(imap.select("INBOX")) == [b"8"]
ok(imap.store("1:2", "+FLAGS", r"(\Deleted)"))
assert ok(imap.expunge()) in ([b"1", b"1"], [b"2", b"1"]), "two expunges, numbered from the front or from the back"
ok(imap.store("1", "+FLAGS", r"(\Deleted)"))
ok(imap.close())
assert ok(imap.select("INBOX", readonly=True)) == [b"5"]
imap.store("1", "+FLAGS", r"(\Draft)")
assert rb"\Draft" not in ok(imap.fetch("1", "(FLAGS)"))[0], "STORE worked in a read-only mailbox"

ok(imap.select("INBOX"))
tag = imap._new_tag()
imap.send(tag + b" IDLE\r\n")
assert imap.readline().startswith(b"+"), "IDLE gives no continuation"
with smtplib.SMTP("127.0.0.1", smtp_port, timeout=20) as smtp:
    smtp.sendmail("a@peer.test", [user], letter(99))
line, end = b"", time.time() + 10
while not re.match(rb"\* 6 EXISTS", line) and time.time() < end:
    line = imap.readline()
assert re.match(rb"\* 6 EXISTS", line), line
imap.send(b"DONE\r\n")
while not line.startswith(tag):
    line = imap.readline()
assert b" OK" in line, line
new = ok(imap.fetch("6", "(BODY.PEEK[])"))[0][1]
assert new.endswith(letter(99)), new

ok(imap.delete('"Projects/Plans 2026"'))
ok(imap.delete("Projects"))
assert b"Projects" not in b"\n".join(ok(imap.list()))
assert imap.select("Projects")[0] == "NO"
assert imap.logout()[0] == "BYE"
print("every step worked")
