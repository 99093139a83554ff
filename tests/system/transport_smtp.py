#!/usr/bin/env python3
"""Mail relays: each row of the table of outcomes, TLS, hostile values, and that no relay can hold the loop or the end of the program."""
import email
import email.policy
import json
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "doubles"))
from smtp_double import SmtpDouble, make_certificate  # noqa: E402
from tap import Checks  # noqa: E402

BUILD = os.environ.get("top_builddir", ".")
DRIVER = os.path.join(BUILD, "tests/tools/transport_driver")
PASSWORD = "relay-s3cret"
LONG = "Line with a dot below, trailing space \nunder it\n.\n..two dots\nFrom the start\n" + "ŷ" * 200 + "\n" + "x" * 400 + "\r\nlast"

# recipient, sender, outcome, detail
ROWS = [
    ("p1", "appts", "accepted", "250 2.0.0"),
    ("exim", "appts", "accepted", "250"),
    ("unknown", "appts", "refused_recipient", "550 5.1.1"),
    ("moved", "appts", "refused_recipient", "551 5.1.6"),
    ("bare", "appts", "refused_request", "550"),
    ("full", "appts", "refused_request", "552 5.2.2"),
    ("policy", "appts", "refused_request", "554 5.7.1"),
    ("nodata", "appts", "refused_request", "554 5.5.0"),
    ("needauth", "appts", "gateway_down", "530 5.7.0"),
    ("greylist", "appts", "transient", "450 4.2.1"),
    ("busy", "appts", "transient", "421 4.3.2"),
    ("rcptdrop", "appts", "transient", "connection lost before sending (56)"),
    ("middrop", "appts", "*", "*"),
    ("datadrop", "appts", "uncertain", "connection lost after sending (56)"),
    ("datalost", "appts", "uncertain", "connection lost after sending (56)"),
    ("data550", "appts", "refused_request", "554 5.6.0"),
    ("data451", "appts", "transient", "451 4.3.0"),
    ("weird", "appts", "uncertain", "connection lost after sending (8)"),
    ("p2", "refused", "gateway_down", "550 5.7.1"),
    ("p3", "deferred", "transient", "451 4.7.0"),
    ("p4", "odd", "refused_request", "553 5.1.8"),
]


def drive(document, **more):
    start = time.monotonic()
    run = subprocess.run([DRIVER], input=json.dumps({**document, **more}), capture_output=True, text=True, timeout=40, check=False)
    if run.returncode not in (0, 1) or run.stderr:
        raise RuntimeError(f"transport_driver ended with {run.returncode}: {run.stderr}")
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    last = lines[-1] if lines else {}
    last["seconds"] = time.monotonic() - start
    return {line["index"]: line for line in lines if "index" in line}, last, run


def relay(double, name="relay", **more):
    return {"name": name, "type": "smtp", "channel": "email", "url": double.url(), "tls": double.tls != "none", "in_flight_max": 64, **more}


def message(to, sender="appts", gateway="relay", **more):
    return {"gateway": gateway, "channel": "email", "reference": "R-1", "mail_id": "m1", "to": f"{to}@mail.example", "from": f"{sender}@appointments.example",
            "from_name": "Apwyntiadau", "subject": "Your appointment", "text": "Tuesday 12 January, 14:00.", **more}


def check_rows(checks, folder, base):
    double = SmtpDouble(os.path.join(folder, "rows"))
    answers, last, run = drive(base, gateways=[relay(double)], messages=[message(to, sender) for to, sender, _, _ in ROWS])
    for i, (to, sender, outcome, detail) in enumerate(ROWS):
        seen = (answers.get(i, {}).get("outcome"), answers.get(i, {}).get("detail"))
        if outcome == "*":  # a short mail may be in the kernel's buffers, whole, before the drop is seen
            checks.ok(f"{to}: never accepted or refused", seen[0] in ("uncertain", "transient"), seen)
        else:
            checks.equal(f"{to} from {sender}", seen, (outcome, detail))
    checks.equal("queue id after 'queued as'", answers[0]["provider_id"], "4F1B2C")
    checks.equal("queue id after 'id='", answers[1]["provider_id"], "1xUuiJ-0006EL-2T")
    checks.ok("EHLO says the neutral host", "EHLO appointments.example" in double.commands, double.commands[:2])
    checks.ok("no address is printed", "@" not in run.stdout + run.stderr)
    checks.ok("the loop was never held for 100 ms", last["worst_stall_ms"] < 100, last)
    double.close()


def check_burst(checks, folder, base):
    double = SmtpDouble(os.path.join(folder, "burst"))
    answers, _, _ = drive(base, gateways=[relay(double)], messages=[message(f"p{i}") for i in range(6)])
    checks.equal("a burst is accepted", [answers[i]["outcome"] for i in range(6)], ["accepted"] * 6)
    checks.ok("on few connections", double.connections <= 2, double.connections)
    checks.equal("one recipient a mail", sum(c.startswith("RCPT") for c in double.commands), 6)
    checks.equal("connections end with QUIT", double.commands.count("QUIT"), double.connections)
    checks.equal("each mail once", double.kept, 6)
    double.close()


def check_slow(checks, folder, base):
    """The measured fault that workers exist for: libcurl waits inside the call for the final reply."""
    slow = SmtpDouble(os.path.join(folder, "slow"))
    quick = SmtpDouble(os.path.join(folder, "quick"))
    silent = SmtpDouble(os.path.join(folder, "silent"), quit_silent=True)
    gateways = [relay(slow), relay(quick, "quick"), relay(silent, "silent"), relay(quick, "short", timeout_ms=1000)]
    answers, last, _ = drive(base, gateways=gateways,
                             messages=[message("slow4"), message("p1", gateway="quick"), message("p2", gateway="silent"), message("hang", gateway="short")])
    checks.equal("slow, quick and silent relays accept", [answers[i]["outcome"] for i in range(3)], ["accepted"] * 3)
    checks.equal("no final reply in time", (answers[3]["outcome"], answers[3]["detail"]), ("uncertain", "timeout after sending (28)"))
    checks.ok("a final reply after 4 s never held the loop for 100 ms", last["worst_stall_ms"] < 100, last)
    checks.ok("and it was waited for", last["seconds"] >= 4, last)
    for double in (slow, quick, silent):
        double.close()


def check_close(checks, folder, base):
    double = SmtpDouble(os.path.join(folder, "close"))
    gateways = [relay(double), relay(double, "second"), relay(double, "third", tls=False)]
    answers, last, _ = drive(base, gateways=gateways, close_after_ms=400,
                             messages=[message("hang"), message("p1"), message("rcpthang", gateway="second"), message("p2", gateway="third"), message("slow4", gateway="third")])
    checks.equal("only what was answered is answered", sorted(answers), [3])
    checks.equal("the rest is dropped", last["unanswered"], 4)
    checks.ok("workers are joined promptly", last["close_ms"] < 2500, last)
    double.close()


def check_tls(checks, folder, base):
    certificate = make_certificate(folder)
    doubles = {
        "starttls": SmtpDouble(os.path.join(folder, "starttls"), "starttls", certificate, PASSWORD),
        "implicit": SmtpDouble(os.path.join(folder, "implicit"), "implicit", certificate, PASSWORD),
        "stripped": SmtpDouble(os.path.join(folder, "stripped"), "none", None, PASSWORD),
        "later": SmtpDouble(os.path.join(folder, "later"), "starttls", certificate, "later"),
        "changed": SmtpDouble(os.path.join(folder, "changed"), "starttls", certificate, "another"),
    }
    login = {"user": "appts", "password_credential": "relay-password", "ca_file": certificate[0]}
    gateways = [relay(double, name, **login) for name, double in doubles.items()]
    gateways[2]["tls"] = True
    gateways.append({**relay(doubles["starttls"], "strange", **login), "ca_file": ""})
    answers, _, run = drive(base, gateways=gateways, messages=[message("p1", gateway=g["name"]) for g in gateways])
    wanted = {"starttls": ("accepted", "250 2.0.0"), "implicit": ("accepted", "250 2.0.0"), "stripped": ("gateway_down", "relay offers no TLS (64)"),
              "later": ("transient", "454 4.7.0"), "changed": ("gateway_down", "535 5.7.8"), "strange": ("gateway_down", "TLS certificate refused (60)")}
    for i, (name, seen) in enumerate(wanted.items()):
        checks.equal(f"TLS and login: {name}", (answers[i]["outcome"], answers[i]["detail"]), seen)
    checks.equal("without TLS neither login nor mail left", [c for c in doubles["stripped"].commands if not c.startswith(("EHLO", "QUIT"))], [])
    checks.equal("one mail behind STARTTLS", doubles["starttls"].kept, 1)
    checks.ok("the password is printed nowhere", PASSWORD not in run.stdout + run.stderr)
    for double in doubles.values():
        double.close()


def check_mail(checks, folder, base):
    double = SmtpDouble(os.path.join(folder, "mail"))
    subject = "Nodyn atgoffa: apwyntiad dydd Mawrth 12 Ionawr yn Nhŷ Celyn, Stryd Fawr, am 10:00 y bore"
    name = "Tŷ Celyn, “apwyntiadau”"
    answers, _, _ = drive({**base, "mail_host": "unused.example"}, gateways=[relay(double, url=double.url("ehlo.example"))],
                          messages=[message("p1", subject=subject, from_name=name, text=LONG, thread_id="case7", reply_to="team@appointments.example")])
    checks.equal("accepted", answers[0]["outcome"], "accepted")
    checks.ok("EHLO name from the URL", "EHLO ehlo.example" in double.commands, double.commands)
    raw = double.mails()[0]
    checks.ok("CRLF only, 7 bits", raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r") and max(raw) < 0x80)
    checks.ok("no line over 76", max(map(len, raw.split(b"\r\n"))) <= 76)
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    checks.equal("subject read by another program", mail["Subject"], subject)
    checks.equal("sender's name", mail["From"].addresses[0].display_name, name)
    checks.equal("threading", (mail["Message-ID"], mail["In-Reply-To"], mail["References"]),
                 ("<m1@appointments.example>", "<case7@appointments.example>", "<case7@appointments.example>"))
    checks.equal("each header once", sorted(mail.keys()), sorted(set(mail.keys())))
    checks.equal("text, dots and all", mail.get_content().replace("\r\n", "\n"), LONG.replace("\r\n", "\n") + "\n")
    checks.equal("no defects", mail.defects, [])
    double.close()


def check_hostile(checks, folder, base):
    double = SmtpDouble(os.path.join(folder, "hostile"))
    bad_to = ["a@b.example>\r\nRCPT TO:<victim@b.example", "a@b.example\nX", "<a@b.example>", "a b@c.example", "a@b@c.example", "", "é@b.example", "a" * 300 + "@b.example", "\"a\"@b.example"]
    messages = [{**message("x"), "to": to} for to in bad_to]
    messages += [{**message("p1"), "from": "a@b.example>\r\nRCPT TO:<victim@b.example"}, message("p1", subject="a\r\nBcc: victim@b.example"), message("p1", from_name="a\nX: y"),
                 message("p1", mail_id="a>\r\nX: y"), message("p1", thread_id="a b"), message("p1", reply_to="x\r\n@b.example"), message("p1", subject="a\u0001b"), message("p1", subject="a\u2028b")]
    answers, _, _ = drive(base, gateways=[relay(double)], messages=messages)
    for i, to in enumerate(bad_to):
        checks.equal(f"recipient {to[:20]!r} refused", answers[i]["outcome"], "refused_recipient")
    for i in range(len(bad_to), len(messages)):
        checks.equal(f"hostile value {i - len(bad_to)} refused", answers[i]["outcome"], "refused_request")
    checks.equal("the relay was never called", double.connections, 0)
    double.close()


def check_relay_down(checks, folder, base):
    away = SmtpDouble(os.path.join(folder, "away"), greeting="554 No service for you")
    closed = SmtpDouble(os.path.join(folder, "closed"), greeting="421 4.3.2 Later")
    gateways = [relay(away), relay(closed, "closed"), {**relay(away, "nobody"), "url": "smtp://127.0.0.1:1/"}]
    answers, _, _ = drive(base, gateways=gateways, messages=[message("p1"), message("p1", gateway="closed"), message("p1", gateway="nobody")])
    seen = [(answers[i]["outcome"], answers[i]["detail"]) for i in range(3)]
    checks.equal("greetings that are none, and nobody there", seen, [("gateway_down", "554"), ("transient", "421 4.3.2"), ("gateway_down", "no connection (7)")])
    away.close()
    closed.close()


def check_reload(checks, folder, base):
    double = SmtpDouble(os.path.join(folder, "reload"))
    messages = [message("slow1"), message("p1", gateway="new", pause_ms=300)]
    answers, last, _ = drive(base, gateways=[relay(double)], messages=messages, reload={"after_ms": 100, "gateways": [relay(double, "new")]})
    checks.equal("reload: the old worker ends its mail, the new one begins", [answers[i]["outcome"] for i in range(2)], ["accepted"] * 2)
    checks.ok("reload: the loop was never held for 100 ms", last["worst_stall_ms"] < 100, last)
    double.close()


def check_settings(checks, base):
    for wanted, settings in [("may go without TLS only on this machine", {"url": "smtp://relay.example.org:587/", "tls": False}), ("smtp:// or smtps://", {"url": "https://relay.example.org/"}),
                             ("broken path", {"url": "smtp://relay.example.org/a%0d%0aX"}), ("no host name", {"url": "smtp://relay.example.org/a/b"}), ("query", {"url": "smtp://relay.example.org/?x=y"}),
                             ("mails only", {"channel": "sms"}), ("from must be an email address", {"from": "a\r\n@b"}),
                             ("password_credential cannot be read", {"user": "u", "password_credential": "absent"})]:
        gateway = {"name": "g", "type": "smtp", "channel": "email", "url": "smtp://relay.example.org:587/", **settings}
        _, last, run = drive(base, gateways=[gateway], messages=[])
        checks.ok(f"refused: {settings}", run.returncode == 1 and wanted in last.get("complaint", ""), last)


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        credentials = os.path.join(folder, "creds")
        os.mkdir(credentials)
        with open(os.path.join(credentials, "relay-password"), "w", encoding="ascii") as file:
            file.write(PASSWORD)
        os.chmod(file.name, 0o600)
        base = {"state_dir": folder, "credentials_dir": credentials, "mail_host": "appointments.example"}
        for part in (check_rows, check_burst, check_slow, check_close, check_tls, check_mail, check_hostile, check_relay_down, check_reload):
            part(checks, folder, base)
        check_settings(checks, base)
    checks.finish()


if __name__ == "__main__":
    main()
