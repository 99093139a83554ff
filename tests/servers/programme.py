#!/usr/bin/env python3
"""A small programme through real servers: texts by Kannel, mails by exim4, a missed session, two advocates.

Every message that cobid calls accepted has arrived exactly once and octet for octet; every mail is judged by readers that know nothing of its
writer (rules of the wire, mailparser); participants see nothing of the other side.
"""
import collections
import json
import os
import re
import subprocess
import sys
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "parts"), os.path.join(HERE, "../system/doubles")]
import house  # noqa: E402
from exim import Exim  # noqa: E402
from house import House  # noqa: E402
from kannel import Kannel  # noqa: E402
from process import close_folder, need_program, skip, wait_until  # noqa: E402
from tap import Checks  # noqa: E402
from wire import Tap  # noqa: E402

JUDGE = os.path.join(HERE, "../judges/judge.js")
GSM_EXTRA = set("@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà^{}\\[~]|€\n\r")
# What must not reach a participant: in a text, in a header, in an address.
FORBIDDEN = re.compile(rb"haven|beacon|hv-2027|b/118|advocate|advocacy|victim|escalat|supervis|spo-44|olga|probation|cobi|stalk|missed|M.n-.ny", re.IGNORECASE)


def find_mailparser():
    """The folder of the pinned mailparser: beside the build, where bootstrap puts it."""
    for folder in (os.environ.get("COBID_JUDGES", ""), os.path.join(house.BUILD, "../judges"), os.path.join(house.BUILD, "judges")):
        modules = os.path.join(folder, "node_modules")
        if folder and os.path.isdir(os.path.join(modules, "mailparser")):
            return os.path.abspath(modules)
    return skip("mailparser", "not installed (./bootstrap check --with-servers fetches it into build/judges)")


class Judge:
    def __init__(self, folder):
        self.folder = os.path.join(folder, "judged")
        os.makedirs(self.folder, exist_ok=True)
        self.environment = {**os.environ, "NODE_PATH": find_mailparser()}
        self.node = need_program("node", "node", "nodejs")

    def read(self, mails):
        """The readings of mails, given as octets."""
        files = []
        for i, octets in enumerate(mails):
            files.append(os.path.join(self.folder, f"{i}.eml"))
            with open(files[-1], "wb") as file:
                file.write(octets)
        run = subprocess.run([self.node, JUDGE, *files], env=self.environment, capture_output=True, timeout=120, check=False)
        readings = [json.loads(line) for line in run.stdout.splitlines()]
        if len(readings) != len(mails) or run.returncode not in (0, 1):
            raise RuntimeError(f"the judge ended with {run.returncode}: {run.stderr.decode()[-1000:]}")
        if run.returncode != any(reading["faults"] for reading in readings):
            raise RuntimeError("the judge's status is not that of its faults")
        return readings


# ---- the story ----

def acknowledge(mail):
    """Opens the link of a mail and types its code; returns the page's status."""
    link = re.search(r"http://\S+/ack/\S+", mail.text).group()
    code = re.search(r"\b[A-Z2-9]{4}-[A-Z2-9]{4}\b", mail.text).group()
    with urllib.request.urlopen(link, timeout=10) as page:
        page.read()
    with urllib.request.urlopen(link, data=urllib.parse.urlencode({"code": code}).encode(), timeout=10) as page:
        return page.status


def tell_story(checks, home, exim):
    home.add_cast()
    home.plan_all()
    home.attend("P-1001", 1)
    home.attend("P-1002", 1)
    home.attend("P-1003", 1)
    home.miss("P-1001", 2)
    home.go("2027-01-12 14:30")
    wait_until(lambda: len([m for m in exim.mails() if "/ack/" in m.text]) >= 3)
    mails = {m.to: m for m in exim.mails() if "/ack/" in m.text}
    checks.equal("lead and both services were asked to acknowledge", sorted(mails), ["cases@haven.example", "lead@service.example", "team@beacon.example"])
    checks.equal("Haven acknowledges by the link of its mail", acknowledge(mails["cases@haven.example"]), 200)
    home.go("2027-01-13 11:00")
    checks.ok("nobody acknowledged, so chief was told", wait_until(lambda: any(m.to == "chief@service.example" and "/ack/" in m.text for m in exim.mails())))
    chief = next(m for m in exim.mails() if m.to == "chief@service.example" and "/ack/" in m.text)
    checks.equal("chief acknowledges by the link of the mail", acknowledge(chief), 200)
    states = {(e["audience"], e["state"]) for e in home.ctl("escalation", "list")}
    checks.ok("no acknowledgement silenced Beacon's chain", ("advocate", "waiting") in states, states)
    beacon = next(e for e in home.ctl("escalation", "list", "--open") if (e["audience"], e["state"]) == ("advocate", "waiting"))
    home.ctl("escalation", "ack", beacon["id"], "--as", "beacon")
    home.go("2027-01-15 08:00")


# ---- mails ----

def check_arrival(checks, exim, accepted):
    wait_until(lambda: len(exim.mails()) >= len(accepted))
    mails = exim.mails()
    wanted = collections.Counter(f"<{m['id']}@appointments.example>" for m in accepted)
    checks.equal("every accepted mail arrived, each once, and no other", collections.Counter(m.id for m in mails), wanted)
    checks.ok("there are many", len(mails) >= 18, len(mails))
    arrivals = [line for line in exim.log().splitlines() if " <= " in line]
    checks.equal("exim took as many", len(arrivals), len(accepted))
    checks.ok("each over TLS and signed in", all(" P=esmtpsa " in line and " A=plain:appointments" in line for line in arrivals), arrivals[:1])
    checks.ok("no bounce", not any(" <= <> " in line for line in arrivals) and all(m.sender == f"<{house.SENDER_MAIL}>" for m in mails))
    checks.ok("nothing was deferred or failed", not re.search(r" (==|\*\*) ", exim.log()), exim.log()[-1000:])
    return {m.id: m for m in mails}


def compare(message, reading):
    """What a reader sees and what cobictl says of the same message; empty if equal."""
    pairs = {
        "subject": (reading["subject"], message["subject"]), "text": (reading["text"], message["body"]),
        "to": (reading["to"], [{"name": "", "address": message["to"]}]),
        "from": (reading["from"], [{"name": house.SENDER, "address": house.SENDER_MAIL}]),
        "reply_to": (reading["reply_to"], [{"name": "", "address": "office@appointments.example"}]),
        "date": (reading["date"], message["sent_at"].replace("Z", ".000Z")), "auto_submitted": (reading["auto_submitted"], "auto-generated"),
        "type": ((reading["content_type"], reading["charset"]), ("text/plain", "utf-8")),
        "nothing else": ((reading["cc"], reading["html"], reading["attachments"]), ([], "", 0)),
        "thread": (reading["in_reply_to"], f"<{message['escalation']}@appointments.example>" if message["escalation"] else ""),
    }
    return {name: values for name, values in pairs.items() if values[0] != values[1]}


def check_mails(checks, judge, exim, tap, accepted):
    stored = check_arrival(checks, exim, accepted)
    checks.equal("the tap saw every mail, once", len(tap.mails), len(stored))
    checks.equal("nothing went wrong on the way", tap.faults, [])
    readings = judge.read(tap.mails)
    checks.equal("the judge finds no fault in any", [f for r in readings for f in r["faults"]], [])
    by_id = {f"<{m['id']}@appointments.example>": m for m in accepted}
    checks.equal("what was stored is what left, octet for octet", [r["message_id"] for octets, r in zip(tap.mails, readings, strict=True)
                                                                  if stored[r["message_id"]].bytes != octets], [])
    checks.equal("a reader sees what cobictl says", [d for r in readings if (d := compare(by_id[r["message_id"]], r))], [])
    checks.equal("each went to the mailbox it is for", [m.to for m in stored.values() if m.to != by_id[m.id]["to"]], [])
    bodies = "".join(r["text"] for r in readings)
    checks.ok("Welsh letters, quotes and dashes are whole", all(t in bodies for t in ("Siôn", "Tŷ'r Ŵyl “Ŷ” – llawr 1", "Ŵan Môn-Ŷnys", "HV-2027/ŵ", "€{x}")))
    return [octets for octets, r in zip(tap.mails, readings, strict=True) if by_id[r["message_id"]]["audience"] == "participant"]


DAMAGES = (
    ("a bare LF", lambda m: m.replace(b"\r\n", b"\n", 3), "bare LF"),
    ("an 8-bit octet", lambda m: m.replace(b"=C5=B7", b"\xc5\xb7"), "not 7-bit"),
    ("a second subject", lambda m: m.replace(b"Subject:", b"Subject: x\r\nSubject:", 1), "occurs 2 times"),
    ("no date", lambda m: m.replace(b"\r\nDate:", b"\r\nX-Date:", 1) if b"\r\nDate:" in m else m.replace(b"Date:", b"X-Date:", 1), "date is missing"),
    ("a long encoded word", lambda m: m.replace(b"\r\nTo:", b"\r\nX: =?utf-8?Q?" + b"a" * 70 + b"?=\r\nTo:", 1), "encoded word of 82"),
    ("a split character", lambda m: m.replace(b"\r\nTo:", b"\r\nX: =?utf-8?Q?=C5?= =?utf-8?Q?=B7?=\r\nTo:", 1), "splits a character"),
    ("a long line", lambda m: m + b"a" * 999 + b"\r\n", "has 999 octets"),
    ("a blank at the end", lambda m: m + b"a \r\n", "ends with a blank"),
)


def check_judge(checks, judge, mail):
    """The judge is only worth something if it can find fault."""
    damaged = [damage(mail) for _, damage, _ in DAMAGES]
    for (name, _, fault), reading in zip(DAMAGES, judge.read(damaged), strict=True):
        checks.ok(f"the judge sees {name}", any(fault in text for text in reading["faults"]), reading["faults"])


# ---- texts ----

def check_texts(checks, carrier, accepted):
    wait_until(lambda: len(carrier.texts()) >= len(accepted))
    texts = carrier.texts()
    checks.equal("the carrier understood every part", carrier.faults, [])
    checks.equal("every accepted text arrived, each once, letter for letter", collections.Counter((to, text) for to, _, _, text in texts),
                 collections.Counter((m["to"], m["body"]) for m in accepted))
    checks.ok("no letter became a question mark", not any("?" in text for _, _, _, text in texts), texts)
    checks.equal("from the neutral sender", {sender for _, sender, _, _ in texts}, {"Appointment"})
    needs_wide = [(not all(c in GSM_EXTRA or 0x20 <= ord(c) < 0x7f and c != "`" for c in text), coding) for _, _, coding, text in texts]
    checks.ok("UCS-2 only where a letter needs it", all(coding == ("2" if wide else "0") for wide, coding in needs_wide), needs_wide)
    checks.ok("both alphabets were used", {"0", "2"} == {coding for _, coding in needs_wide}, needs_wide)
    checks.ok("every part fits a telephone", all(part.fits() for part in carrier.parts))
    checks.ok("a text of several parts among them", any(part.count > 1 for part in carrier.parts))
    checks.ok("the small alphabet to its edge", any("Café Ö [rear] ~ £5 €{x}" in text for _, _, _, text in texts))
    checks.ok("the Welsh place is whole", any("Tŷ Celyn" in text for _, _, _, text in texts))


# ---- all of it ----

def check_secrets(checks, home, participant_mails, carrier):
    seen = participant_mails + [" ".join(text).encode() for text in carrier.texts()]
    found = [match.group() for octets in seen for match in FORBIDDEN.finditer(readable(octets))]
    checks.equal("participants see nothing of the other side", found, [])
    log = home.log()
    personal = ["Åse", "Siôn", "Kim Two", "900101", "900102", "@home.example", "Celyn", "/ack/", "haven", "beacon", "s3cret"]
    checks.equal("no personal data in the log", [word for word in personal if word in log], [])


def readable(octets):
    """Quoted-printable undone, soft line ends joined."""
    joined = octets.replace(b"=\r\n", b"")
    return re.sub(rb"=([0-9A-F]{2})", lambda m: bytes([int(m.group(1), 16)]), joined)


def check_ends(checks, home):
    messages = home.messages()
    checks.equal("every message has ended well", {m["state"] for m in messages}, {"accepted", "skipped"})
    checks.ok("each at the first attempt", all(m["attempts"] == 1 for m in messages if m["state"] == "accepted"))
    kinds = {(m["kind"], m["audience"], m["channel"]) for m in messages if m["state"] == "accepted"}
    for wanted in (("reminder", "participant", "sms"), ("reminder", "participant", "email"), ("confirmation", "participant", "email"),
                   ("missed_contact", "participant", "sms"), ("officer_notice", "officer", "email"), ("escalation", "supervisor", "email"),
                   ("advocate_notice", "advocate", "email"), ("task", "practitioner", "email")):
        checks.ok(f"a {wanted[0]} to a {wanted[1]} by {wanted[2]}", wanted in kinds, kinds)
    checks.equal("healthy", home.run("health").returncode, 0)


def run(checks, home, exim, kannel, judge):
    exim.start()
    kannel.start()
    tap = Tap(exim.port, exim.certificate, exim.ca)
    home.mail_by(tap.port, exim.ca)
    home.text_by(kannel.url)
    home.start()
    tell_story(checks, home, exim)
    check_ends(checks, home)
    mails = check_mails(checks, judge, exim, tap, home.shown(channel="email", state="accepted"))
    check_judge(checks, judge, next(m for m in mails if b"=C5=B7" in m.partition(b"\r\n\r\n")[2]))
    check_texts(checks, kannel.carrier, home.shown(channel="sms", state="accepted"))
    check_secrets(checks, home, mails, kannel.carrier)
    checks.equal("cobid ends in order", home.stop(), 0)
    tap.close()


def main():
    Kannel.need()
    Exim.need()
    need_program("node", "node", "nodejs")
    find_mailparser()
    checks = Checks()
    home = House("programme")
    exim, kannel, judge = Exim(home.folder), Kannel(home.folder), Judge(home.folder)
    try:
        run(checks, home, exim, kannel, judge)
    finally:
        home.close()
        kannel.close()
        exim.close()
        close_folder(home.folder)
    checks.finish()


if __name__ == "__main__":
    main()
