#!/usr/bin/env python3
"""Non-interference: the real daemon four times, with one key, one clock and one history, in worlds that differ on one side only.

alone: no advocate at all; quiet: one service, all well; loud: two services whose mailboxes refuse, defer, lose and stall, who acknowledge, are unlinked, are the wrong
number. Every byte, header, count and time for participants, practitioners and officers must be the same in all three. elsewhere: as loud, but what is still to come
takes place at other times in another place: every byte and time for the advocates must be the same as in loud.
"""
import os
import re
import shutil
import sys
import time
from datetime import datetime, timedelta

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "doubles"), os.path.join(HERE, "e2e"), os.path.join(HERE, "gates")]
from gateways import Mails, Texts  # noqa: E402
from lockstep import Worlds  # noqa: E402
from scan import mail_readings  # noqa: E402
from tap import Checks  # noqa: E402
from town import Town  # noqa: E402

START = "2027-01-04 08:00"
PUBLIC = "https://appointments.example"
GATEWAYS = ('gateways = ( {{ name = "texts"; type = "http"; channel = "sms"; url = "{texts}"; body = "json"; id_pointer = "/id"; timeout = "5s"; backup = "texts2"; }},'
            ' {{ name = "texts2"; type = "spool"; channel = "sms"; backup_only = true; }},'
            ' {{ name = "mail"; type = "smtp"; channel = "email"; url = "smtp://127.0.0.1:{mails}/appointments.example"; tls = false; timeout = "20s"; }} );')
PARTICIPANTS = {
    "P-1": {"route": "spo", "mobile": "+447700900101", "email": "one@home.example", "place-label": "the blue hall", "greeting": "first-name", "officer": "off", "officer-ref": "SP-1"},
    "P-2": {"route": "licence", "email": "two@home.example", "sms": "no", "officer": "off", "officer-ref": "LI-2"},
    "P-3": {"route": "voluntary", "mobile": "+447700900103"},
}
OURS = ("one@home.example", "two@home.example", "prac@service.example", "prac2@service.example", "off@police.example")
SERVICES = {"A-1": "one@haven.example", "A-2": "two@haven.example", "A-3": "three@harbour.example"}
STALL_S = 1.5


class Place:
    """One world: its daemon, its gateways, and what the advocates' side does there."""

    def __init__(self, name, key=None):
        self.name, self.texts, self.mails, self.fates, self.participants_fates, self.seen = name, Texts(), Mails(), {}, {}, []
        self.town = Town("cobid-" + name, START, self.texts, self.mails, PUBLIC, GATEWAYS.format(texts=self.texts.url, mails=self.mails.port))
        self.mails.fate = lambda to: self.fates.get(to) or self.participants_fates.get(to, "ok")
        self.texts.fate = lambda to: self.participants_fates.get(to, "ok")
        if key:
            shutil.copyfile(key, os.path.join(self.town.state, "key"))
            os.chmod(os.path.join(self.town.state, "key"), 0o600)
        self.town.start()
        self.feeds = {}

    @property
    def loud(self):
        return self.name in ("loud", "elsewhere")

    def people(self):
        tell = self.town.tell
        tell("office", "add", "o1", name="High Street office", address="1 High Street" if self.name != "elsewhere" else "9 Other Road, Swansea", phone="0118 496 0001", rooms="3")
        tell("supervisor", "add", "s2", name="Sue Two", email="s2@service.example")
        tell("supervisor", "add", "s1", name="Sue One", email="s1@service.example", next="s2")
        tell("practitioner", "add", "prac", name="Pat One", email="prac@service.example", office="o1", hours="Mon-Fri 09:00-17:00", supervisor="s1")
        tell("practitioner", "add", "prac2", name="Pat Two", email="prac2@service.example", office="o1", hours="Mon-Fri 09:00-17:00", supervisor="s1")
        tell("officer", "add", "off", name="Olly One", email="off@police.example", organisation="Police")
        for ref, fields in PARTICIPANTS.items():
            tell("participant", "add", ref, programme="cobi-12", practitioner="prac2" if ref == "P-2" else "prac", office="o1", name="Ann " + ref, start="2027-01-05", **fields)
        if self.name == "elsewhere":
            tell("participant", "set", "P-1", place_label="the red barn")
        if self.name != "alone":
            tell("advocate", "add", "A-1", service="Haven", name="Ada One", email=SERVICES["A-1"])
            tell("advocate", "link", "A-1", participant="P-1", case_ref="HAVEN-1")
        if self.loud:
            tell("advocate", "add", "A-2", service="Haven", name="Ada Two", email=SERVICES["A-2"], phone="07911 123456")
            tell("advocate", "add", "A-3", service="Harbour", name="Ada Three", email=SERVICES["A-3"])
            for advocate, ref, level in (("A-2", "P-1", "missed"), ("A-3", "P-1", "all"), ("A-3", "P-2", "all"), ("A-2", "P-3", "missed")):
                tell("advocate", "link", advocate, participant=ref, case_ref=f"CASE-{advocate}-{ref}", level=level)
            self.fates.update({SERVICES["A-1"]: "refused", SERVICES["A-2"]: "later", SERVICES["A-3"]: "lost"})

    def open_feeds(self):
        for kind, owner in (("participant", "P-1"), ("practitioner", "prac"), ("office", "o1")):
            self.feeds[kind] = self.town.tell("feed", "create", **{kind: owner})["url"]

    def look(self):
        """What a participant, practitioner or somebody who guesses is shown."""
        for kind, url in self.feeds.items():
            tags = set()
            for headers in ({"Accept_Encoding": "identity"}, {"Accept_Encoding": "gzip"}):
                status, names, body = self.town.get(url, **headers)
                tags |= {v for n, v in names if n == "ETag"}
                self.seen.append((f"feed {kind}", status, sorted((n, v) for n, v in names if n != "Date"), body))
            for tag in sorted(tags):
                status, names, body = self.town.get(url, If_None_Match=tag)
                self.seen.append((f"304 {kind}", status, sorted((n, v) for n, v in names if n != "Date"), body))
        for path in ("/ack/" + "B" * 43, "/feeds/" + "B" * 43 + ".ics", "/nothing", "/healthz"):
            status, names, body = self.town.get(path)
            self.seen.append((path, status, sorted((n, v) for n, v in names if n != "Date"), body))
        for ref in PARTICIPANTS:
            for command in (("participant", "show", ref), ("preview", ref), ("session", "list", "--participant", ref)):
                self.seen.append((" ".join(command), self.town.run("--json", *command).stdout))

    def acknowledge(self, who):
        """By the last link that this advocate was sent; returns whether it was taken."""
        mine = [a for a in self.mails.arrivals if a.to == SERVICES[who] and a.body]
        found = [f for a in mine if (f := re.search(r"/ack/([\w-]{43}).*?code ([A-Z2-9]{4}-[A-Z2-9]{4})", mail_readings(a.body).decode(), re.S))]
        if not found:
            return False
        import http.client
        connection = http.client.HTTPConnection("127.0.0.1", self.town.port, timeout=20)
        connection.request("POST", f"/ack/{found[-1][1]}", f"code={found[-1][2]}", {"Content-Type": "application/x-www-form-urlencoded"})
        status = connection.getresponse().status
        connection.close()
        return status == 200

    def received(self, addresses):
        """(time, to, all bytes) of what was sent to them, however it ended; ports are not what we look at."""
        rows = [(str(a.at), a.to, a.fate, re.sub(rb"127\.0\.0\.1:[0-9]+", b"HOST", a.raw)) for a in self.texts.arrivals + self.mails.arrivals if a.to in addresses]
        folder = os.path.join(self.town.state, "spool", "texts2")
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            with open(os.path.join(folder, name), "rb") as file:
                raw = file.read()
            if re.search(rb"^To: (\S+)", raw)[1].decode() in addresses:
                rows.append(("spool", name, "", raw))
        return sorted(rows)

    def mails_since_stall(self, *addresses):
        return [a for a in self.mails.arrivals[self.stall_from:] if a.to in addresses]

    def stalled(self):
        return self.mails_since_stall(*SERVICES.values())

    def close(self):
        self.town.close()


class Lockstep(Worlds):
    """What only one side does is asked of each world."""

    def __init__(self, places):
        super().__init__(places)
        self.stalled_s, self.acknowledged = {}, 0

    def fate(self, to, fate):
        for place in self.places:
            place.participants_fates[to] = fate

    def look(self):
        for place in self.places:
            place.look()

    def move_the_future(self):
        """In one world what comes after the story is at other times."""
        for place in self.places:
            if place.name != "elsewhere":
                continue
            for number in (7, 8, 9, 10):
                s = place.town.session("P-1", number)
                at = datetime.fromisoformat(s["local"]) + timedelta(days=1 if datetime.fromisoformat(s["local"]).weekday() < 4 else -1, minutes=30)
                place.town.tell("session", "move", s["id"], to=at.strftime("%Y-%m-%d %H:%M"), by="participant")

    def live(self):
        for place in self.places:
            place.people()
        for ref in PARTICIPANTS:
            self.tell("participant", "plan", ref)
        for place in self.places:
            place.open_feeds()
        self.go_after(minutes=30)
        self.move_the_future()
        for ref in PARTICIPANTS:
            self.end_of(ref, 1, "ATTC" if ref != "P-2" else "AFTA")
        self.go_after(minutes=10)
        self.look()
        self.fate("one@home.example", "later")
        missed = self.end_of("P-1", 2, "AFTA")
        self.stall()
        self.go_after(minutes=70)
        self.fate("one@home.example", "ok")
        self.advocates_act()
        self.look()
        self.go_after(hours=26)
        self.tell("session", "decide", missed, "UAAB", as_="s1", reason="no word", contacted="no")
        self.go_after(hours=1)
        moved = self.session("P-2", 3)
        self.tell("session", "move", moved["id"], to=(datetime.fromisoformat(moved["local"]) + timedelta(hours=1)).strftime("%Y-%m-%d %H:%M"), by="participant", reason="work")
        self.shut_texts()
        wrong = self.end_of("P-3", 3, "AFTA")
        self.go_after(hours=24)
        self.open_texts()
        self.tell("session", "correct", wrong, "ATTC", as_="prac", reason="a slip")
        self.go_after(hours=1)
        self.tell("session", "approve", wrong, as_="s1")
        self.look()
        for place in self.places:
            place.town.kill()
            place.town.start()
        self.tell("participant", "pause", "P-2", because="health")
        self.go_after(days=3)
        self.advocates_part()
        self.tell("participant", "resume", "P-2", because="other")
        self.end_of("P-1", 3, "AFTA")
        self.go_after(days=1)
        self.tell("participant", "withdraw", "P-3", because="moved")
        self.go_after(days=2)
        self.look()

    # ---- what only the advocates' side does ----

    def stall(self):
        """The relay stalls over the mails to the advocates; a participant's mail that is due at the same time does not wait for them."""
        for place in self.places:
            if place.loud:
                place.fates.update(dict.fromkeys(SERVICES.values(), STALL_S))
            place.stall_from = len(place.mails.arrivals)
        at = (self.places[0].town.local() + timedelta(minutes=5)).strftime("%Y-%m-%d %H:%M")
        gone = self.session("P-2", 5)["id"]
        for place in self.places:
            place.town.send_clock(at)
        self.until(lambda place: place.town.local().strftime("%Y-%m-%d %H:%M") == at)
        self.until(lambda place: not place.loud or place.stalled())  # the advocates' mails are under way
        begun = time.monotonic()
        self.tell("session", "cancel", gone, by="service")
        self.until(lambda place: place.mails_since_stall("two@home.example"))
        self.stalled_s = {place.name: place.mails_since_stall("two@home.example")[0].mono - begun for place in self.places}
        self.until(lambda place: not place.loud or len(place.stalled()) == 3)
        for place in self.places:
            place.town.wait_clock(at)
        time.sleep(STALL_S)
        for place in self.places:
            if place.loud:
                place.fates.update(dict.fromkeys(SERVICES.values(), "ok"))

    def until(self, happened):
        """Real time, for what waits for the relay."""
        end = time.monotonic() + 10 * STALL_S
        while not all(happened(place) for place in self.places):
            if time.monotonic() > end:
                raise RuntimeError("a mail is late")
            time.sleep(0.005)

    def advocates_act(self):
        for place in self.places:
            self.acknowledged += place.name != "alone" and place.acknowledge("A-1")
            if place.loud:
                place.fates[SERVICES["A-3"]] = "refused"
                for fields in ({"mobile": "07911 123456"}, {"email": SERVICES["A-3"].upper()}, {"email": "two@home.example"}):
                    assert place.town.may("participant", "set", "P-3", **fields) is None, "a number of somebody else was taken"
                assert place.town.may("advocate", "set", "A-1", email="one@home.example") is None, "a participant's address was taken"
                place.town.tell("concern", "raise", "P-1", reason="a word")

    def advocates_part(self):
        for place in self.places:
            if place.loud:
                place.town.tell("advocate", "unlink", "A-3", participant="P-1")
                place.town.tell("advocate", "set", "A-2", email="new@haven.example")

    def shut_texts(self):
        for place in self.places:
            place.texts.shut_door()

    def open_texts(self):
        for place in self.places:
            place.texts.open_door()


def compare(checks, name, rows, others):
    """Equal, or the first difference."""
    different = next((f"{a!r} / {b!r}" for a, b in zip(rows, others) if a != b), None)
    checks.ok(f"{name}: {len(rows)}", rows == others, f"{len(rows)} and {len(others)}; first difference {str(different)[:1500]}")


def judge(checks, step):
    alone, quiet, loud, elsewhere = step.places
    texts = [p["mobile"] for p in PARTICIPANTS.values() if "mobile" in p]
    for place in (quiet, loud):
        compare(checks, f"{place.name}: texts and mails to participants, practitioner and officer, as alone", alone.received((*OURS, *texts)), place.received((*OURS, *texts)))
        compare(checks, f"{place.name}: feeds, headers, pages and what cobictl shows of participants, as alone", alone.seen, place.seen)
        checks.ok(f"{place.name}: a stalled relay of an advocate makes nobody else wait", step.stalled_s[place.name] < STALL_S * 0.6 + step.stalled_s["alone"], step.stalled_s)
    addresses = (*SERVICES.values(), "new@haven.example")
    compare(checks, "elsewhere: mails to the advocates, as in loud", loud.received(addresses), elsewhere.received(addresses))
    print("# a participant's mail beside stalled ones, s:", {name: round(s, 2) for name, s in step.stalled_s.items()})
    counts = {place.name: sum(a.to in addresses for a in place.mails.arrivals) for place in step.places}
    print("# mails to advocates:", counts, "acknowledged:", step.acknowledged, "stalled:", len(loud.stalled()))
    checks.ok("the worlds were different", counts["alone"] == 0 < counts["quiet"] < counts["loud"] and step.acknowledged == 3 and len(loud.stalled()) >= 3, counts)
    checks.ok("the sides that must be the same were met", len(alone.received((*OURS, *texts))) > 40 and any(r[0] == "spool" for r in alone.received(texts)), len(alone.received(OURS)))
    checks.ok("the future was elsewhere", [s["start"] for s in loud.town.sessions("P-1")] != [s["start"] for s in elsewhere.town.sessions("P-1")])


def main():
    start = time.monotonic()
    checks, places = Checks(), []
    try:
        places.append(Place("alone"))
        for name in ("quiet", "loud", "elsewhere"):
            places.append(Place(name, os.path.join(places[0].town.state, "key")))
        step = Lockstep(places)
        step.live()
        judge(checks, step)
        checks.equal("all end in order", [place.town.stop() for place in places], [0] * len(places))
    finally:
        for place in places:
            place.close()
    print(f"# {time.monotonic() - start:.1f} s")
    checks.finish()


if __name__ == "__main__":
    main()
