"""What Python's dkim and authres say: sign, verify or parse what is on standard input.

authentication.py sign DOMAIN SELECTOR KEYFILE      the message with an rsa-sha256 signature in front
authentication.py verify RECORDS.json               one line "DOMAIN SELECTOR true|false" for each signature
authentication.py results                           one line "method result ptype.property=value …" for each result of the first field
"""
import json
import sys

import authres
import dkim

command, arguments = sys.argv[1], sys.argv[2:]
message = sys.stdin.buffer.read()
if command == "sign":
    domain, selector, key_file = arguments
    with open(key_file, "rb") as file:
        field = dkim.sign(message, selector.encode(), domain.encode(), file.read(), canonicalize=(b"relaxed", b"simple"), include_headers=[b"from", b"to", b"subject"])
    sys.stdout.buffer.write(field + message)
elif command == "verify":
    with open(arguments[0]) as file:
        records = json.load(file)

    def look_up(name, timeout=5):
        text = records.get(name.decode().rstrip("."))
        return None if text is None else text.encode()

    verifier = dkim.DKIM(message)
    count = sum(1 for name, _ in verifier.headers if name.lower() == b"dkim-signature")
    for index in range(count):
        # Made anew for each: a verifier keeps what it found in the one before.
        one = dkim.DKIM(message)
        try:
            right = one.verify(idx=index, dnsfunc=look_up)
        except dkim.DKIMException as error:
            print("error", error)
            continue
        print(one.domain.decode(), one.selector.decode(), str(right).lower())
elif command == "results":
    lines = message.decode().split("\r\n")
    start = next(i for i, line in enumerate(lines) if line.lower().startswith("authentication-results:"))
    end = next(i for i in range(start + 1, len(lines)) if not lines[i].startswith((" ", "\t")))
    parsed = authres.AuthenticationResultsHeader.parse("\r\n".join(lines[start:end]))
    print(parsed.authserv_id)
    for result in parsed.results:
        print(result.method, result.result, *(f"{p.type}.{p.name}={p.value}" for p in result.properties))
else:
    sys.exit(f"unknown command {command}")
