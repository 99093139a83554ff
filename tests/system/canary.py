#!/usr/bin/env python3
"""The canary: every field of every person, every reason, note and text holds a mark of its own; weeks of the programme pass with faults; then everything that left
the daemon or lies on its disk is searched for every mark, in any disguise.

MATRIX says who may read what. It is written by hand from the rules (who gets what, and never), not taken from the code's own table: what is not in it is a leak.
"""
import contextlib
import http.client
import itertools
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from urllib.parse import urlencode

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "doubles"), os.path.join(HERE, "e2e"), os.path.join(HERE, "gates")]
from gateways import Mails, Texts  # noqa: E402
from marked import ADDRESSES, CAST, FIRST_DAY, LINKS, MATRIX, NOTES, marks  # noqa: E402
from ops import AsOps  # noqa: E402
from scan import Scanner, disguises, lines, mail_readings, strings  # noqa: E402
from tap import Checks  # noqa: E402
from town import Town  # noqa: E402
from world import BUILD, OPERATOR  # noqa: E402

SECRET = "h00k-s3cret-of-the-gate_0000000000000000001"
SEED = int(os.environ.get("COBID_TEST_SEED") or 20270104)
SPARE = ('gateways = ( {{ name = "texts"; type = "http"; channel = "sms"; url = "{texts}"; body = "json"; id_pointer = "/id"; timeout = "5s"; backup = "texts2";'
         ' hook_credential = "hook"; }}, {{ name = "texts2"; type = "spool"; channel = "sms"; backup_only = true; }},'
         ' {{ name = "mail"; type = "smtp"; channel = "email"; url = "smtp://127.0.0.1:{mails}/appointments.example"; tls = false; timeout = "10s"; backup = "mail2"; }},'
         ' {{ name = "mail2"; type = "spool"; channel = "email"; backup_only = true; }} );')
IDS = {"session": "SELECT id FROM session", "task": "SELECT id FROM task", "escalation": "SELECT id FROM escalation", "message": "SELECT id FROM message"}
# Which of our own identifiers may stand in what goes to whom (beside a message's own id).
IDS_ALLOWED = {"session": ("practitioner", "supervisor", "operator"), "task": ("practitioner", "supervisor", "operator"), "escalation": ("supervisor", "advocate", "operator"),
               "message": ("operator",)}
# What must have happened, or nothing was proved.
MET = ("confirmation", "reminder", "change", "cancellation", "missed_contact", "outcome_request", "task", "escalation", "advocate_notice", "officer_notice", "alarm", "stand_down")
TOPICS = ("enrolled", "started", "missed_provisional", "missed_confirmed", "under_review", "stood_down", "paused", "restarted", "ended", "concern", "no_attendance", "no_change")
# What the search must have seen where it may be, or it is blind.
TOLD = ("participant.QZREF-1.first", "participant.QZREF-1.place_label", "participant.QZREF-4.first", "participant.QZREF-1.officer_ref", "participant.QZREF-2.officer_ref",
        "participant.QZREF-1.id", "office.QZNORTH.phone", "office.QZSOUTH.phone", "practitioner.QZPRACALFA.first", "practitioner.QZPRACBETA.last", "link.QZADVALFA.QZREF-1.case_ref",
        "link.QZADVCETA.QZREF-2.case_ref", "link.QZADVALFA.QZREF-3.case_ref")
PHRASES = ("Please plan your journey", "an update on one of your cases", "make sure that the person is contacted")  # of rendered texts, which are sealed


BINARY = ("disk", "backup")


class Sinks:
    """Everything that came out, by where: text:WHO, mail:WHO, feed:KIND:WHO, page:ack:WHO, page:error, hook, log, ops, admin:..., disk, backup, accepted, process,
    status (what systemd shows), metrics."""

    def __init__(self):
        self.lines, self.size = {}, 0

    def add(self, name, data):
        data = data if isinstance(data, bytes) else str(data).encode()
        self.size += len(data)
        self.lines.setdefault(name, set()).update(strings(data) if name in BINARY else lines(data))

    def __contains__(self, name):
        return bool(self.lines.get(name))

    def join(self, name):
        return b"\n\0\n".join(sorted(self.lines[name]))


class Status(threading.Thread):
    """Listens as systemd does: what `systemctl status` would show."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.said, self.socket = path, [], socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.start()

    def run(self):
        while said := self.socket.recv(65536):
            self.said.append(said)


class Weeks:
    """What happens."""

    def __init__(self, town, texts, mails, sinks):
        self.town, self.texts, self.mails, self.sinks, self.feeds, self.answered = town, texts, mails, sinks, [], set()
        self.refusing, self.later, self.losing = set(), set(), set()
        self.status = Status(os.path.join(town.folder, "notify"))
        texts.fate = mails.fate = self.fate

    def fate(self, to):
        return "refused" if to in self.refusing else "later" if to in self.later else "lost" if to in self.losing else "ok"

    def start(self):
        self.town.start(NOTIFY_SOCKET=self.status.path)

    def enter(self):
        for noun, people in CAST.items():
            for ident, fields in people.items():
                self.town.tell(noun, "add", ident, **fields)
        for advocate, participant, case_ref, level in LINKS:
            self.town.tell("advocate", "link", advocate, participant=participant, case_ref=case_ref, level=level)
        for noun, ident, first, last, note in (("practitioner", "QZPRACBETA", "2027-02-03", "2027-02-04", "absence.practitioner"),
                                               ("supervisor", "QZSUPALFA", "2027-01-18", "2027-01-18", "absence.supervisor"),
                                               ("participant", "QZREF-1", "2027-03-01", "2027-03-02", "absence.participant")):
            self.town.tell(noun, "absent", ident, **{"from": first, "to": last, "reason": NOTES[note]})
        self.refusing |= {ADDRESSES["QZREF-4"]["mobile"], ADDRESSES["QZADVBETA"]["email"]}
        for ref in CAST["participant"]:
            self.town.tell("participant", "plan", ref)
        for kind, owner in (("practitioner", "QZPRACALFA"), ("office", "QZNORTH"), ("participant", "QZREF-1"), ("participant", "QZREF-2"), ("office", "QZSOUTH")):
            self.feeds.append((kind, owner, self.town.tell("feed", "create", **{kind: owner})["url"]))
        gone = self.town.tell("feed", "create", participant="QZREF-3")
        self.town.tell("feed", "revoke", gone["id"])
        self.revoked = gone["url"]

    def step(self, ref, number, code=None, by=None, note="note.outcome", minutes=None, attempt=1):
        """To the end of a session; its outcome."""
        s = self.town.session(ref, number, attempt)
        self.town.go_to_session(s, s["minutes"] + 2 if minutes is None else minutes)
        if code:
            self.town.tell("session", "outcome", s["id"], code, as_=by or s["practitioner"], note=NOTES[note])
        return s["id"]

    def live(self):
        town = self.town
        self.step("QZREF-1", 1, "ATTC")
        for ref in ("QZREF-2", "QZREF-3", "QZREF-4"):
            self.step(ref, 1, "AFTA" if ref == "QZREF-3" else "ATTC")
        self.text("I shall be late " + NOTES["inbound"], "e-1", "QZREF-2")
        self.text(NOTES["stranger"], "e-2", "+447700900777")
        self.fetch()
        s = town.session("QZREF-1", 2)
        town.tell("session", "move", s["id"], to=self.other_day(s), by="participant", reason=NOTES["reason.move"])
        self.losing.add(ADDRESSES["QZREF-1"]["email"])
        missed = self.step("QZREF-1", 2, "AFTA", minutes=30)
        town.go_after(timedelta(minutes=8))
        self.read_links("QZADVALFA", "QZSUPALFA")
        town.tell("session", "decide", missed, "UAAB", as_="QZSUPALFA", reason=NOTES["reason.decide"], contacted="yes")
        town.go_after(timedelta(hours=30))
        self.kill_over_mails("QZREF-2", 2)
        town.tell("session", "cancel", town.session("QZREF-1", 3)["id"], by="service", reason=NOTES["reason.cancel"])
        self.close_gateways()
        wrong = self.step("QZREF-2", 3, "AFTA", minutes=40)
        town.go_after(timedelta(minutes=20))
        self.open_gateways()
        town.go_after(timedelta(hours=20))
        town.tell("session", "correct", wrong, "ATTC", as_="QZPRACBETA", reason=NOTES["reason.correct"])
        town.go_after(timedelta(hours=1))
        town.tell("session", "approve", wrong, as_="QZSUPALFA")
        self.later.add(ADDRESSES["QZADVALFA"]["email"])
        self.step("QZREF-3", 2, "AFTA")  # the second in a row
        self.text("STOP", "e-3", "QZREF-2")
        town.tell("concern", "raise", "QZREF-1", reason=NOTES["reason.concern"])
        town.go_after(timedelta(hours=26))
        self.read_links("QZSUPBETA", "QZADVCETA")
        for chain in town.tell("escalation", "list", open=True)[:2]:
            town.may("escalation", "resolve", chain["id"], as_=chain["acknowledged_by"] or "QZSUPBETA", reason=NOTES["reason.resolve"])
        self.later.clear()
        town.tell("participant", "pause", "QZREF-1", because="health", reason=NOTES["reason.pause"])
        for task in town.tell("task", "list")[:3]:
            town.may("task", "done", task["id"], as_=task["owner"])
        town.go_after(timedelta(days=2))
        town.tell("participant", "resume", "QZREF-1", because="other", reason=NOTES["reason.resume"])
        town.tell("advocate", "unlink", "QZADVBETA", participant="QZREF-1")
        town.go_after(timedelta(days=3))  # nobody records anything, nobody acknowledges
        self.fetch()
        town.tell("participant", "withdraw", "QZREF-3", because="deceased", reason=NOTES["reason.withdraw"])
        town.tell("participant", "reassign", "QZREF-4", to="QZPRACALFA")
        town.tell("participant", "end", "QZREF-4", because="moved", reason=NOTES["reason.end"])
        town.go_after(timedelta(days=2))

    def other_day(self, s):
        day = datetime.fromisoformat(s["local"]) + timedelta(days=1 if datetime.fromisoformat(s["local"]).weekday() < 4 else 3)
        return day.strftime("%Y-%m-%d %H:%M")

    # ---- faults ----

    def kill_over_mails(self, ref, number):
        """kill -9 while the relay has mails in hand, and what lies on the disk at that moment."""
        held = threading.Event()
        self.mails.fate = lambda to: held.set() or 3
        s = self.town.session(ref, number)
        self.town.go_to_session(s, 20)
        self.town.tell("session", "outcome", s["id"], "AFTA", as_=s["practitioner"], note=NOTES["note.outcome"])
        self.town.send_clock((self.town.local() + timedelta(minutes=10)).strftime("%Y-%m-%d %H:%M"))
        self.held = held.wait(10)
        self.look_at_process()
        self.town.kill()
        self.look_at_disk()
        self.mails.fate = self.fate
        self.start()

    def close_gateways(self):
        for gateway in (self.texts, self.mails):
            gateway.shut_door()

    def open_gateways(self):
        for gateway in (self.texts, self.mails):
            gateway.open_door()

    # ---- looking ----

    def text(self, words, event, who):
        number = ADDRESSES[who]["mobile"] if who in ADDRESSES else who
        status, headers, body = self.post(f"/hooks/texts/{SECRET}/inbound", f'{{"from": "{number}", "text": "{words}", "id": "{event}"}}', "application/json")
        self.sinks.add("hook", f"{status} {headers} {body}")

    def post(self, path, body, kind="application/x-www-form-urlencoded", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.town.port, timeout=20)
        with contextlib.closing(connection):
            connection.request("POST", path, body, {"Content-Type": kind, **headers})
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()

    def fetch(self):
        for kind, owner, url in self.feeds:
            for headers in ({}, {"Accept_Encoding": "gzip"}):
                _, names, body = self.town.get(url, **headers)
                self.sinks.add(f"feed:{kind}:{owner}", repr(names))
                self.sinks.add(f"feed:{kind}:{owner}", body)
        for url in (self.revoked, "/", "/nothing", "/ack/" + "A" * 43, "/feeds/" + "A" * 43 + ".ics", "/board", "/sign-in", "/metrics", "/s/S-AAAAAAAA", "/participant/QZ",
                    "/healthz", "/hooks/texts/wrong/inbound"):
            for method in ("GET", "HEAD", "POST", "PUT", "DELETE"):
                self.sinks.add("page:error", repr(self.town.get(url, method)))
        for raw in (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 40000 + b"\r\n\r\n", b"nonsense\r\n\r\n", b"GET /%zz HTTP/1.1\r\n\r\n"):
            self.sinks.add("page:error", self.raw(raw))

    def raw(self, request):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.town.port), 5) as s:
            s.sendall(request)
            s.settimeout(2)
            return s.recv(65536)
        return b""

    def read_links(self, *people):
        """The page behind the last link of each: looked at, tried with wrong codes, then acknowledged."""
        for who in people:
            mine = [a for a in self.mails.arrivals if a.taken and a.to == ADDRESSES[who]["email"]]
            links = [found for a in mine if (found := re.search(r"/ack/([\w-]{43}).*?code ([A-Z2-9]{4}-[A-Z2-9]{4})", mail_readings(a.body).decode(), re.S))]
            if not links:
                continue
            token, code = links[-1].groups()
            self.sinks.add(f"page:ack:{who}", repr(self.town.get(f"/ack/{token}")))
            for form in ({"code": "AAAA-AAAA"}, {"code": "x" * 6000}, {}, {"code": code}):
                answer = self.post(f"/ack/{token}", urlencode(form))
                self.answered |= {who} if answer[0] == 200 else set()
                self.sinks.add(f"page:ack:{who}", repr(answer))

    def look_at_process(self):
        for name in ("environ", "cmdline", "comm"):
            with open(f"/proc/{self.town.process.pid}/{name}", "rb") as file:
                self.sinks.add("process", file.read())

    def look_at_disk(self):
        for folder, _, names in os.walk(self.town.state):
            inside = os.path.relpath(folder, self.town.state)
            for name in names:
                if name == "reserve" or inside.startswith("spool"):
                    continue
                with open(os.path.join(folder, name), "rb") as file:
                    self.sinks.add("accepted" if inside.startswith("accepted") else "disk", file.read())


# ---- what came out ----

def people():
    return {**{address: ident for ident, own in ADDRESSES.items() for address in own.values()}, OPERATOR: "operator"}


def role(who):
    return next((noun for noun, group in CAST.items() if who in group), "operator")


def gather_messages(town, texts, mails, sinks, problems):
    """Texts and mails as they were on the wire, and the files of the spools. Returns [(who, own id, bytes)]."""
    found, names = [], people()
    for arrival in texts.arrivals + mails.arrivals:
        who = names.get(arrival.to)
        if who is None:
            problems.append(f"somebody unknown: {arrival.to}")
            continue
        kind = "text" if arrival.to.startswith("+") else "mail"
        own = re.search(rb'Message-ID: <([^@]+)@|"reference": ?"([^"]+)-\d+"', arrival.raw)
        found.append((kind, who, (own[1] or own[2]).decode() if own else "", arrival.raw, arrival.body if kind == "mail" else b""))
    for folder in ("texts2", "mail2"):
        path = os.path.join(town.state, "spool", folder)
        for name in os.listdir(path) if os.path.isdir(path) else ():
            with open(os.path.join(path, name), "rb") as file:
                raw = file.read()
            who = names.get(re.search(rb"To: (\S+)", raw)[1].decode())
            kind = "text" if name.endswith(".sms") else "mail"
            found.append((kind, who, name.rsplit("-", 1)[0], raw, raw if kind == "mail" else b""))
            sinks.add("spooled", name)
    for kind, who, _, raw, mail in found:
        sinks.add(f"{kind}:{who}", raw)
        if mail:
            sinks.add(f"{kind}:{who}", mail_readings(mail))
    return found


def gather_commands(town, sinks):
    """What cobictl shows of a participant, and what it shows to ops."""
    for ref in CAST["participant"]:
        for command in (("participant", "show", ref), ("preview", ref)):
            sinks.add(f"admin:participant:{ref}", town.run("--json", *command).stdout)
        for command in (("participant", "show", ref), ("preview", ref)):
            answer = town.run(*command)
            sinks.add(f"admin:participant:{ref}", answer.stdout + answer.stderr)
    for advocate in CAST["advocate"]:
        answer = town.run("--json", "advocate", "show", advocate)
        sinks.add(f"admin:advocate:{advocate}", answer.stdout + answer.stderr)
    sinks.add("log", town.log_text())


def gather_copies(town, sinks):
    """What a sysadmin keeps elsewhere: a copy of the database made while the daemon runs, its own backup once there is such a command, and its metrics."""
    copy, own = os.path.join(town.folder, "copy.db"), os.path.join(town.folder, "backup")
    with contextlib.closing(town.database()) as db:
        db.execute("VACUUM INTO ?", (copy,))
    answer = town.run("backup", own)
    sinks.add("metrics", town.exchange(b"GET /metrics HTTP/1.1\r\nHost: control\r\nConnection: close\r\n\r\n"))
    sinks.add("metrics", answer.stdout + answer.stderr)
    for path in (copy, own):
        if os.path.exists(path):
            with open(path, "rb") as file:
                sinks.add("backup", file.read())
    return answer.returncode == 0 and not os.path.exists(own)


# ---- judging ----

def allowed(mark, sink):
    place = "disk" if sink == "backup" else sink  # a copy holds no more than what it is a copy of
    return any(fnmatchcase(place, pattern) for pattern in MATRIX[mark])


def leaks(scanner, sinks):
    for sink in sorted(sinks.lines):
        for mark in sorted(scanner.find(sinks.join(sink))):
            if not allowed(mark, sink):
                yield f"{mark} in {sink}"


def leaks_of_ids(town, found):
    ids = {ident: kind for kind, sql in IDS.items() for row in town.rows(sql) for ident in row.values()}
    pattern = re.compile(r"\b[A-Z]-[A-Z0-9]{6,}\b")
    for _, who, own, raw, mail in found:
        text = raw.decode("utf-8", "replace") + (mail_readings(mail).decode() if mail else "")
        for ident in sorted(set(pattern.findall(text))):
            kind = ids.get(ident)
            if kind and ident != own and role(who) not in IDS_ALLOWED[kind]:
                yield f"{kind} {ident} to {who}"


def secrets_of(found, weeks):
    """Tokens and codes of links, tokens of feeds: each may stand in its own mail and nowhere else."""
    result = {}
    for kind, who, own, _, mail in found:
        link = re.search(rb"/ack/([\w-]{43}).*?code ([A-Z2-9]{4}-[A-Z2-9]{4})", mail_readings(mail), re.S) if mail else None
        if link:
            result[link[1].decode()] = result[link[2].decode()] = f"{kind}:{who}"
    for kind, owner, url in weeks.feeds:
        result[url.rsplit("/", 1)[1][:-4]] = f"feed:{kind}:{owner}"
    return result


def leaks_of_secrets(secrets, sinks):
    for sink in sorted(sinks.lines):
        data = sinks.join(sink)
        for secret, own in secrets.items():
            if secret.encode() in data and sink != own:
                yield f"a secret of {own} in {sink}"
        if SECRET.encode() in data:
            yield f"the hook's secret in {sink}"


def planted(values, sinks, generator):
    """What the search does not see of marks put where they must not be: each mark in some disguises, in sinks that must not have it."""
    missed, count, some = [], 0, {sink: sorted(itertools.islice(lines_, 40)) for sink, lines_ in sinks.lines.items()}
    for mark, value in values.items():
        scanner = Scanner({mark: value})
        forbidden = [s for s in sorted(sinks.lines) if not allowed(mark, s)]
        for how, data in generator.sample(list(disguises(value)), 6):
            sink = generator.choice([s for s in forbidden if s not in BINARY or how not in ("gzip", "folded", "a soft line break")])
            others, probe = list(some[sink]), Sinks()
            others.insert(generator.randrange(len(others) + 1), data)
            probe.add(sink, data if how == "gzip" else b"\n".join(others))
            count += 1
            missed += [] if scanner.find(probe.join(sink)) else [f"{mark} {how} in {sink}"]
    return count, missed


def check_too_private(checks, town):
    """A template with a fact that its audience may not have is refused, whatever stands in it."""
    folder = os.path.join(town.folder, "private-templates")
    for name, fact in (("en/reminder.sms.txt", "practitioner_name"), ("en/advocate_notice.email.txt", "date"), ("en/officer_notice.email.txt", "case_ref"),
                       ("en/task.email.txt", "case_ref"), ("en/escalation-missed.email.txt", "first_name")):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(town.templates, folder)
        with open(os.path.join(folder, name), "a", encoding="utf-8") as file:
            file.write(f"${{{fact}}}\n" if "email" in name else "")
        if "sms" in name:
            with open(os.path.join(folder, name), "r+", encoding="utf-8") as file:
                text = file.read().rstrip("\n")
                file.seek(0)
                file.write(text + f" ${{{fact}}}\n")
        town.write_config(town.more, templates=folder)
        answer = subprocess.run([os.path.join(BUILD, "cobid"), "--check", "-c", town.config], capture_output=True, text=True, check=False)
        checks.ok(f"${{{fact}}} in {name} is refused", answer.returncode == 1 and f"${{{fact}}} may not be told" in answer.stdout + answer.stderr, answer.stdout + answer.stderr)
    town.write_config(town.more)


def say(checks, name, faults):
    faults = list(faults)
    checks.ok(name, not faults, f"{len(faults)}: " + "; ".join(faults[:12]))


def check_all(checks, town, weeks, texts, mails, sinks):
    problems = []
    found = gather_messages(town, texts, mails, sinks, problems)
    gather_commands(town, sinks)
    weeks.look_at_disk()
    unseen = gather_copies(town, sinks)
    sinks.add("status", b"\n".join(weeks.status.said))  # it listens on while the sinks are searched
    kinds = {r["kind"]: r["n"] for r in town.rows("SELECT kind, count(*) AS n FROM message WHERE attempt_count>0 GROUP BY kind")}
    topics = {r["topic"]: r["n"] for r in town.rows("SELECT topic, count(*) AS n FROM message WHERE attempt_count>0 AND audience='advocate' GROUP BY topic")}
    print("#", kinds, topics)
    say(checks, "the weeks met all that they are to prove", [k for k in MET if not kinds.get(k)] + [t for t in TOPICS if not topics.get(t)] + ([] if weeks.held else ["no mail in hand at kill -9"])
        + [w for w in ("QZSUPALFA", "QZADVALFA") if w not in weeks.answered] + ([] if "spooled" in sinks else ["nothing was spooled"])
        + [s for s in ("page:error", "hook", "disk", "accepted", "log", "process", "status", "metrics", "backup", "feed:participant:QZREF-1") if s not in sinks]
        + (["a backup that was not searched"] if unseen else []))
    say(checks, "every message has a known recipient", problems)
    scanner = Scanner(marks())
    begun = time.monotonic()
    say(checks, "no mark is where it may not be", leaks(scanner, sinks))
    print(f"# {len(scanner.marks)} marks, {len(sinks.lines)} sinks, {sinks.size} bytes searched in {time.monotonic() - begun:.1f} s")
    say(checks, "no identifier of ours goes to who has no use for it", leaks_of_ids(town, found))
    say(checks, "tokens and codes are where they were sent, and nowhere else", leaks_of_secrets(secrets_of(found, weeks), sinks))
    say(checks, "texts of messages are sealed in the database", [p for p in PHRASES for sink in BINARY if p.encode() in sinks.join(sink)])
    say(checks, "no number or address in the log", [line for line in town.log_text().splitlines() if "@" in line or re.search(r"(?<![A-Z0-9-])[0-9]{9,}", line)])
    seen = {m for sink in sinks.lines if sink.startswith(("text:", "mail:")) for m in scanner.find(sinks.join(sink)) if allowed(m, sink)}
    say(checks, "what may be told was told: the search sees it", [m for m in TOLD if m not in seen])
    count, missed = planted(marks(), sinks, random.Random(SEED))
    say(checks, f"of {count} marks planted in disguise each is found", missed)


def main():
    start = time.monotonic()
    print(f"# seed {SEED}")
    checks, sinks, texts, mails = Checks(), Sinks(), Texts(), Mails()
    town = Town("cobid-canary", FIRST_DAY, texts, mails, gateways=SPARE.format(texts=texts.url, mails=mails.port))
    try:
        credentials = os.path.join(town.folder, "credentials")
        os.makedirs(credentials, mode=0o700)
        with open(os.open(os.path.join(credentials, "hook"), os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write(SECRET + "\n")
        town.more = f'credentials_dir = "{credentials}";\n'
        town.write_config(town.more)
        ops = AsOps(town.folder)
        town.wrap = ops.wrap
        weeks = Weeks(town, texts, mails, sinks)
        weeks.start()
        weeks.enter()
        weeks.live()
        print(f"# lived in {time.monotonic() - start:.1f} s: {town.commands} commands, {len(texts.arrivals)} texts, {len(mails.arrivals)} mails")
        if ops.possible:
            counts = ops.ask(town, "QZREF-1", "QZADVALFA", lambda answer: sinks.add("ops", answer))
            checks.equal("ops: what is theirs is answered, the rest refused", counts, {"answered": 10, "refused": 26})
        else:
            checks.ok("ops # SKIP needs root and a mount name space", True)
        check_all(checks, town, weeks, texts, mails, sinks)
        check_too_private(checks, town)
        checks.equal("cobid ends in order", town.stop(), 0)
    finally:
        town.close()
    print(f"# {time.monotonic() - start:.1f} s")
    checks.finish()


if __name__ == "__main__":
    main()
