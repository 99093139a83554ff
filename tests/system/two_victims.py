#!/usr/bin/env python3
"""Two victims of one person, each with a service of their own: each service is told of everything, and neither can find the other anywhere.

The real daemon three times, with one key, one clock and one history: both services linked, only the first, only the second. What a service gets when there is another one
is, byte for byte and moment for moment, what it gets when there is none, whatever the other does: its mailbox refuses, it acknowledges or does not, it is unlinked.
"""
import http.client
import os
import re
import shutil
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "doubles"), os.path.join(HERE, "e2e"), os.path.join(HERE, "gates")]
from gateways import Mails, Texts  # noqa: E402
from lockstep import Worlds  # noqa: E402
from ops import AsOps  # noqa: E402
from scan import Scanner, mail_readings  # noqa: E402
from tap import Checks  # noqa: E402
from town import Town  # noqa: E402

START = "2027-01-04 08:00"
PUBLIC = "https://appointments.example"
SERVICES = {
    "QZFIRST": {"service": "Qzhaven Support", "name": "Qzada Qzalder", "email": "qzcases@qzhaven.example", "phone": "+441184960411", "case_ref": "QZHAVEN/17"},
    "QZSECOND": {"service": "Qzbeacon Aid", "name": "Qzbea Qzbirch", "email": "qzteam@qzbeacon.example", "phone": "+441184960412", "case_ref": "QZBEACON/4"},
}
OTHER = {"QZFIRST": "QZSECOND", "QZSECOND": "QZFIRST"}
STATUS = re.compile(r"^Status: (.+)$", re.M)
LINK = re.compile(r"/ack/([\w-]{43}).*?code ([A-Z2-9]{4}-[A-Z2-9]{4})", re.S)
# What both must have been told.
TOLD = ("enrolled", "started", "missed an appointment (provisional)", "missed an appointment (confirmed)", "under review", "please call us", "paused", "restarted", "ended early")
GUESSES, GUESSES_MAX = 40, 400


class Side:
    """One world: who is linked there."""

    def __init__(self, name, linked, key=None):
        self.name, self.linked, self.texts, self.mails = name, linked, Texts(), Mails()
        self.town = Town("cobid-" + name, START, self.texts, self.mails, PUBLIC)
        self.ops = AsOps(self.town.folder)
        if name == "both":
            self.town.wrap = self.ops.wrap
        if key:
            shutil.copyfile(key, os.path.join(self.town.state, "key"))
            os.chmod(os.path.join(self.town.state, "key"), 0o600)
        self.town.start()

    def mails_of(self, service):
        return [a for a in self.mails.arrivals if a.to == SERVICES[service]["email"]]

    def received(self, service):
        """(time, all bytes), whether taken or not."""
        return sorted((str(a.at), re.sub(rb"127\.0\.0\.1:[0-9]+", b"HOST", a.raw)) for a in self.mails_of(service))

    def links(self, service):
        return [found.groups() for a in self.mails_of(service) if a.body and (found := LINK.search(mail_readings(a.body).decode()))]

    def post(self, token, code):
        connection = http.client.HTTPConnection("127.0.0.1", self.town.port, timeout=20)
        try:
            connection.request("POST", f"/ack/{token}", f"code={code}", {"Content-Type": "application/x-www-form-urlencoded"})
            answer = connection.getresponse()
            return answer.status, sorted(h for h in answer.getheaders() if h[0] != "Date"), answer.read()
        finally:
            connection.close()

    def page(self, path, method="GET"):
        status, headers, body = self.town.get(path, method)
        return status, sorted(h for h in headers if h[0] != "Date"), body

    def close(self):
        self.town.close()


class Story(Worlds):
    def __init__(self, places, checks):
        super().__init__(places)
        self.checks, self.both = checks, places[0]

    def each(self, service):
        return [place for place in self.places if service in place.linked]

    def people(self):
        self.tell("office", "add", "o1", name="High Street office", address="1 High Street, Reading", phone="0118 496 0001", rooms="2")
        self.tell("supervisor", "add", "s2", name="Sue Two", email="s2@service.example")
        self.tell("supervisor", "add", "s1", name="Sue One", email="s1@service.example", next="s2")
        self.tell("practitioner", "add", "prac", name="Pat One", email="prac@service.example", office="o1", hours="Mon-Fri 09:00-17:00", supervisor="s1")
        self.tell("officer", "add", "off", name="Olly One", email="off@police.example", organisation="Police")
        self.tell("participant", "add", "P-1", programme="cobi-12", route="spo", practitioner="prac", office="o1", name="Ann Alder", mobile="+447700900101", email="ann@home.example",
                  officer="off", officer_ref="SPO-1", start="2027-01-05")
        for service, fields in SERVICES.items():
            for place in self.each(service):
                place.town.tell("advocate", "add", service, **{k: v for k, v in fields.items() if k != "case_ref"})
                place.town.tell("advocate", "link", service, participant="P-1", case_ref=fields["case_ref"])

    def live(self):
        self.people()
        self.tell("participant", "plan", "P-1")
        self.end_of("P-1", 1, "ATTC")
        missed = self.end_of("P-1", 2, "AFTA")
        self.go_after(minutes=10)
        self.try_each_others_links(missed)
        self.go_after(hours=26)
        self.tell("session", "decide", missed, "UAAB", as_="s1", reason="none given", contacted="yes")
        self.go_after(hours=2)
        self.tell("session", "correct", missed, "AAME", as_="prac", reason="a letter came")
        self.go_after(minutes=30)
        self.tell("session", "approve", missed, as_="s2")
        self.go_after(hours=2)
        self.tell("concern", "raise", "P-1", reason="a word")
        self.go_after(minutes=10)  # what it sends has been answered
        for place in self.places:  # the second service's mailbox is full for a while
            place.mails.fate = lambda to: "refused" if to == SERVICES["QZSECOND"]["email"] else "ok"
        self.end_of("P-1", 3, "AFTA")
        self.go_after(hours=30)
        for place in self.places:
            place.mails.fate = lambda to: "ok"
        self.tell("participant", "pause", "P-1", because="health")
        self.go_after(days=1)
        self.tell("participant", "resume", "P-1", because="other")
        self.go_after(days=3)
        self.tell("participant", "end", "P-1", because="order_ended")
        self.go_after(hours=30)
        for place in self.each("QZSECOND"):
            place.town.tell("advocate", "unlink", "QZSECOND", participant="P-1")
        self.go_after(days=2)

    # ---- links and guesses ----

    def try_each_others_links(self, missed):
        """With the other one's code, and with chains that are not theirs: as with any wrong code and any chain that is not there."""
        both, checks = self.both, self.checks
        (first, first_code), (second, second_code) = both.links("QZFIRST")[-1], both.links("QZSECOND")[-1]
        nonsense = both.post(first, "AAAA-AAAA")
        checks.equal("the other service's code is a wrong code", both.post(first, second_code), nonsense)
        for place in self.places[1:]:  # the same tries where there is no other one
            if place.links("QZFIRST"):
                place.post(first, "AAAA-AAAA")
                place.post(first, second_code)
        chains = {c["advocate"]: c["id"] for c in both.town.tell("escalation", "list") if c["session"] == missed and c["audience"] == "advocate"}
        mine, theirs = chains["QZFIRST"], chains["QZSECOND"]
        answers = {}
        for chain in (theirs, "E-AAAAAAAAAA"):
            for verb, more in (("ack", {}), ("resolve", {"reason": "x"})):
                status, document = both.town.ask("escalation", verb, chain, as_="QZFIRST", **more)
                answers[(verb, chain == theirs)] = (status >= 400, any(m in str(document) for m in ("QZSECOND", "Qz")) and "QZFIRST" not in str(document))
        checks.ok("a chain of the other one cannot be acknowledged nor resolved, and the answer names nobody", all(a == (True, False) for a in answers.values()), answers)
        checks.equal("the first acknowledges", self.acknowledge(first, first_code), {200})
        states = {c["id"]: c["state"] for c in both.town.tell("escalation", "list")}
        checks.equal("... its own chain only", (states[mine], states[theirs]), ("resolved", "waiting"))
        checks.equal("the second's link is still good", both.page(f"/ack/{second}")[0], 200)
        self.guess(first, first_code)

    def acknowledge(self, token, code):
        return {place.post(token, code)[0] for place in self.each("QZFIRST")}

    def guess(self, used, code):
        """Links that are used up, of an earlier time, of nobody: the same bytes, in the same time."""
        both, checks = self.both, self.checks
        paths = {"used": f"/ack/{used}", "unknown": "/ack/" + "A" * 43, "no token": "/ack/abc", "a feed": "/feeds/" + "A" * 43 + ".ics", "an advocate": "/advocate/QZSECOND",
                 "a case": "/case/QZBEACON/4", "nothing": "/nothing"}
        answers = {name: [both.page(path, method) for method in ("GET", "HEAD", "POST", "PUT")] for name, path in paths.items()}
        checks.equal("a link that is used up or unknown: the same bytes", answers["used"], answers["unknown"])
        checks.ok("guessed paths are not there", all(answers[name][0] == answers["nothing"][0] and answers[name][0][0] == 404 for name in paths), {n: a[0][0] for n, a in answers.items()})
        times = {"used": [], "unknown": []}
        # The fastest tenth: what the machine does besides makes times longer, never shorter. A true difference is there however often it is asked.
        for asked in range(1, GUESSES_MAX + 1):
            for name in times:
                begun = time.perf_counter()
                both.page(paths[name])
                times[name].append((time.perf_counter() - begun) * 1e3)
            fast = {name: sorted(t)[asked // 10] for name, t in times.items()}
            same = max(fast.values()) < 2 * min(fast.values()) + 0.5
            if same and asked >= GUESSES:
                break
        print(f"# a used and an unknown link, {asked} times, ms:", {n: round(m, 2) for n, m in fast.items()})
        checks.ok("... and in the same time", same, fast)


def marks_of(service):
    fields = SERVICES[service]
    words = {"id": service, "service": fields["service"].split()[0], "mailbox": fields["email"].split("@")[0], "phone": fields["phone"], "case_ref": fields["case_ref"]}
    words.update({f"name{n}": w for n, w in enumerate(fields["name"].split())})
    return words


def check_apart(checks, story):
    both, first, second = story.places
    for service, alone in (("QZFIRST", first), ("QZSECOND", second)):
        mine, theirs = both.received(service), alone.received(service)
        different = next((f"{a!r} / {b!r}" for a, b in zip(mine, theirs) if a != b), "")
        checks.ok(f"{service}: {len(mine)} mails, the same bytes at the same times as without the other", mine == theirs and len(mine) > 8, f"{len(mine)}, {len(theirs)} {different[:1500]}")
        told = [m[1] for a in both.mails_of(service) if a.body and (m := STATUS.search(mail_readings(a.body).decode()))]
        print(f"# {service} was told:", ", ".join(dict.fromkeys(told)))
        checks.equal(f"{service}: was told of everything", [t for t in TOLD if not any(t in s for s in told)], [])
        checks.ok(f"{service}: ... and that a notice no longer stands", any(b"no longer stands" in mail_readings(a.body) for a in both.mails_of(service) if a.body))
        scanner = Scanner(marks_of(OTHER[service]))
        found = {mark for a in both.mails_of(service) for data in (a.raw, mail_readings(a.body)) for mark in scanner.find(data)}
        for token, _ in both.links(service):
            found |= {mark for piece in both.page(f"/ack/{token}") for mark in scanner.find(repr(piece).encode())}
        shown = both.town.run("advocate", "show", service).stdout + both.town.run("--json", "advocate", "show", service).stdout
        checks.equal(f"{service}: nothing of the other in mails, pages and what cobictl shows", sorted(found | scanner.find(shown)), [])
        ids = {r["id"] for sql in ("SELECT id FROM escalation WHERE advocate='{0}'", "SELECT id FROM message WHERE recipient='{0}'") for r in both.town.rows(sql.format(OTHER[service]))}
        raw = b"\n".join(a.raw for a in both.mails_of(service)).decode("latin-1")
        checks.equal(f"{service}: none of the {len(ids)} identifiers of the other's mails and chains", [i for i in ids if i in raw], [])


def check_others(checks, story):
    """Nor can anybody else who is not to know."""
    both = story.both
    scanner = Scanner({f"{s} {name}": value for s in SERVICES for name, value in marks_of(s).items()})
    own = {f["email"] for f in SERVICES.values()}
    found = {(a.to, m) for a in both.mails.arrivals + both.texts.arrivals if a.to not in own for data in (a.raw, a.body and mail_readings(a.body) if "@" in a.to else a.body)
             for m in scanner.find(data)}
    checks.equal("no mail or text to anybody else names a service", sorted(found), [])
    feeds = [both.town.tell("feed", "create", **{kind: owner})["url"] for kind, owner in (("practitioner", "prac"), ("office", "o1"), ("participant", "P-1"))]
    checks.equal("no feed does", sorted(m for url in feeds for part in both.town.get(url) for m in scanner.find(repr(part).encode())), [])
    checks.equal("there is no feed for an advocate", both.town.ask("feed", "create", advocate="QZFIRST")[0], 400)
    answers = [both.town.run(*style, *command).stdout for style in ((), ("--json",)) for command in (("participant", "show", "P-1"), ("preview", "P-1"), ("participant", "list"))]
    checks.equal("what cobictl shows of the participant does not", sorted(m for a in answers for m in scanner.find(a)), [])
    checks.equal("the log does not", sorted(m for m in scanner.find(both.town.log_text().encode()) if not m.endswith(" id")), [])
    if both.ops.possible:
        said = []
        counts = both.ops.ask(both.town, "P-1", "QZFIRST", said.append)
        checks.equal("ops: refused what is not theirs", counts["refused"], 26)
        checks.equal("ops: no mark in any answer", sorted(scanner.find(b"\n".join(said))), [])
    else:
        checks.ok("ops # SKIP needs root and a mount name space", True)


def main():
    start = time.monotonic()
    checks, places = Checks(), []
    try:
        places.append(Side("both", tuple(SERVICES)))
        for name, linked in (("first", ("QZFIRST",)), ("second", ("QZSECOND",))):
            places.append(Side(name, linked, os.path.join(places[0].town.state, "key")))
        story = Story(places, checks)
        story.live()
        check_apart(checks, story)
        check_others(checks, story)
        checks.equal("all end in order", [place.town.stop() for place in places], [0, 0, 0])
    finally:
        for place in places:
            place.close()
    print(f"# {time.monotonic() - start:.1f} s")
    checks.finish()


if __name__ == "__main__":
    main()
