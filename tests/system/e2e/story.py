"""What happens in three months: people come or do not, sessions move, staff answer mails; everything by cobictl and by emailed links."""
import contextlib
import http.client
import subprocess
import os
import time
from collections import Counter
from datetime import date, datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from cast import OFFICES, PRACTITIONERS, between, intervals
from feed_reader import Broken, fetch_all_ways, read_events
from world import BUILD, DONE_BY_COMMAND, changed_tables, instant

LONDON = ZoneInfo("Europe/London")
FIRST, LAST = date(2027, 1, 21), date(2027, 5, 7)
PRIVATE = "zzprivatezz"  # in every reason and note: must never leave
EVENINGS = {date(2027, 2, d) for d in (3, 11, 23)} | {date(2027, 3, d) for d in (3, 16, 31)} | {date(2027, 4, d) for d in (7, 20)}
# When nobody may be told: after the window's end, before its beginning, and on a Sunday morning.
NIGHTS = {date(2027, 2, 8): "21:40", date(2027, 2, 18): "06:20", date(2027, 2, 28): "09:10", date(2027, 3, 17): "06:20", date(2027, 3, 26): "09:30", date(2027, 4, 14): "21:40",
          date(2027, 4, 22): "06:20"}
FEED_DAYS = {date(2027, 1, 29), date(2027, 2, 19), date(2027, 3, 12), date(2027, 3, 27), date(2027, 3, 29), date(2027, 4, 16), date(2027, 5, 6)}
# (participant, number): what becomes of it. The rest is thrown.
FATES = {("P-1001", 2): "AFTA", ("P-1001", 3): "AFTA", ("P-1002", 3): "AFTA", ("P-1003", 4): "AFTA", ("P-1004", 3): "AFTA", ("P-1005", 4): "UAAB",
         ("P-1006", 5): "AFTC", ("P-1007", 2): "undo", ("P-1009", 3): "ATSS", ("P-1010", 3): "never", ("P-1011", 6): "AAME", ("P-1012", 4): "AFTA",
         ("P-1014", 2): "AFTA", ("P-1017", 5): "AFTA", ("P-1019", 2): "late", ("P-1023", 1): "AFTA", ("P-1027", 7): "AFTA"}
THROWN = (("AFTA", 0.06), ("late", 0.03), ("AFTC", 0.01), ("UAAB", 0.01), ("ATSS", 0.01))


def local(text):
    return datetime.fromisoformat(text)


class Story:
    def __init__(self, world, cast, box, texts, random, checks):
        self.world, self.cast, self.box, self.texts, self.random, self.checks = world, cast, box, texts, random, checks
        self.sessions = {}
        self.promised = {}    # (session, revision) -> (local start, known since)
        self.fates = {}
        self.misses = {}      # session -> (code, recorded at)
        self.undone = set()
        self.feeds = []       # (kind, owner, url)
        self.feed_seen = {}   # participant -> bytes and headers of every answer
        self.faults = {}      # what the story itself found wrong: law -> [line]
        self.counts = Counter()
        self.mails_read = 0
        self.open_links = {}  # escalation -> [(mail, token, code)]
        self.danced = Counter()
        self.unlinked = {}    # (advocate, participant) -> since
        self.linked_since = {}
        self.never_recorded = []  # what still waited for its outcome at the very end
        self.watcher = None
        self.mails_killed = False

    def fault(self, law, line):
        self.faults.setdefault(law, []).append(line)

    # ---- the cast enters ----

    def add(self, noun, ident, fields):
        arguments = [noun, "add", ident]
        for name, value in fields.items():
            arguments += [f"--{name}", str(value)]
        self.world.ctl(*arguments)

    def enter(self):
        cast = self.cast
        for noun, group in (("office", cast.offices), ("supervisor", cast.supervisors), ("practitioner", cast.practitioners), ("officer", cast.officers),
                            ("advocate", cast.advocates), ("participant", cast.participants)):
            for ident, fields in group.items():
                self.add(noun, ident, fields)
        for noun, ident, first, last in cast.absences:
            self.world.ctl(noun, "absent", ident, "--from", first.isoformat(), "--to", last.isoformat(), "--reason", PRIVATE)
        for advocate, participant, case_ref, level in cast.links:
            self.world.ctl("advocate", "link", advocate, "--participant", participant, "--case-ref", case_ref, "--level", level)
        self.plan_all()
        for kind, owners in (("practitioner", PRACTITIONERS), ("office", OFFICES), ("participant", ("P-1001", "P-1005", "P-1012", "P-1017"))):
            for owner in owners:
                self.feeds.append((kind, owner, self.world.ctl("feed", "create", f"--{kind}", owner)["url"]))

    def plan_all(self):
        for ref, p in self.cast.participants.items():
            if self.world.attempt("participant", "plan", ref) is None:
                # No room for the wishes: they are given up one by one, as a practitioner would.
                for wish in ("prefer", "unavailable"):
                    if p.pop(wish, None) and self.world.ctl("participant", "set", ref, f"--{wish}", "") and self.world.attempt("participant", "plan", ref):
                        break
                else:
                    self.fault("every participant gets a plan", ref)
        self.look()

    # ---- time ----

    def go_to(self, day, clock):
        """cobictl looks at the clock ten times a second; the story goes on as soon as the clock is there, and hears cobictl out before the next step."""
        self.hear_watcher()
        self.today, self.at = day, datetime.combine(day, datetime.strptime(clock, "%H:%M").time()).replace(tzinfo=LONDON)
        self.watcher = self.world.begin("clock", "set", f"{day} {clock}")
        self.wait_for(f"{self.at}", lambda: self.world.now() == self.at and not self.world.call("/clock/show")["advancing"], 0.004)
        self.look()

    def hear_watcher(self):
        if self.watcher:
            document = self.world.end(self.watcher)
            if instant(document["now"]) != self.at or document["advancing"]:
                self.fault("the clock goes where it is told", document["now"])
        self.watcher = None

    def look(self):
        """Reads all sessions, and notes every time that was ever promised."""
        now = self.world.now()
        self.sessions = {s["id"]: s for s in self.world.ctl("session", "list")}
        for s in self.sessions.values():
            self.promised.setdefault((s["id"], s["revision"]), (local(s["local"]), now))

    def days(self):
        for day in between(FIRST, LAST):
            clocks = {"13:35", "17:34"} if day.weekday() < 5 else {"13:35"} if day.weekday() == 5 else set()
            for clock in sorted(clocks | ({"19:10"} if day in EVENINGS else set()) | ({NIGHTS[day]} if day in NIGHTS else set())):
                yield day, clock

    def run(self):
        for day, clock in self.days():
            self.go_to(day, clock)
            if clock == "19:10":
                self.move_tomorrow()
                continue
            if clock == NIGHTS.get(day):
                self.move_at_night()
                continue
            self.record_outcomes()
            self.read_mails()
            if clock == "17:34":
                self.daily(day)
                if day.month > 2 and not self.mails_killed and any(at == self.at for _, at in self.misses.values()):
                    self.kill_with_mails()
            for action in SCHEDULE.get((day, clock), ()):
                action(self)

    def daily(self, day):
        if self.random.random() < 0.35:
            self.move_any()
        if day.weekday() == 2:
            self.finish_chains()
        if day.weekday() == 4:
            self.finish_tasks()
        if day in FEED_DAYS:
            self.check_feeds()

    # ---- outcomes ----

    def fate(self, s):
        if s["id"] not in self.fates:
            thrown, roll = "ATTC", self.random.random()
            for code, share in THROWN:
                roll -= share
                if roll < 0:
                    thrown = code
                    break
            self.fates[s["id"]] = FATES.get((s["participant"], s["number"]), thrown) if s["attempt"] == 1 else thrown
        return self.fates[s["id"]]

    def record_outcomes(self):
        for s in sorted(self.sessions.values(), key=lambda s: s["start"]):
            if s["state"] == "awaiting_outcome":
                self.record(s)
            elif s["state"] == "planned" and self.fate(s) == "AAME" and instant(s["start"]) - self.at < timedelta(days=2):
                self.outcome(s, "AAME", self.cast.practitioners[s["practitioner"]]["supervisor"])

    def record(self, s):
        fate, begun = self.fate(s), self.at - instant(s["start"])
        ended = begun >= timedelta(minutes=s["minutes"])
        supervisor = self.cast.practitioners[s["practitioner"]]["supervisor"]
        if fate == "never" or (fate == "late" and local(s["local"]).date() == self.today):
            return
        if fate in ("AFTA", "UAAB") and begun >= timedelta(minutes=15):
            self.outcome(s, fate, s["practitioner"] if fate == "AFTA" else supervisor)
            self.misses[s["id"]] = (fate, self.at)
        elif fate == "undo" and ended:
            self.outcome(s, "AFTA", s["practitioner"])
            self.outcome(s, "ATTC", s["practitioner"])
            self.undone.add(s["id"])
        elif fate == "ATSS" and s["participant"] == "P-1015":  # on the phone: nobody can be sent home
            self.fates[s["id"]] = "ATTC"
        elif ended:
            self.outcome(s, fate if fate in ("AFTC", "ATSS") else "ATTC", s["practitioner"])

    def outcome(self, s, code, by):
        self.world.ctl("session", "outcome", s["id"], code, "--as", by, "--note", PRIVATE)
        s["state"] = "recorded"
        self.counts[code] += 1

    # ---- moves ----

    def slots(self, s):
        """Times of the days around it in the practitioner's hours, in a random order."""
        day, last = max(self.today, local(s["local"]).date() - timedelta(days=5)), local(s["local"]).date() + timedelta(days=6)
        result = []
        for d in between(day + timedelta(days=1), last):
            for weekday, begin, end in intervals(PRACTITIONERS[s["practitioner"]]["hours"]):
                if weekday == d.weekday():
                    result += [f"{d} {m // 60:02}:{m % 60:02}" for m in range(begin, end - s["minutes"] + 1, 30)]
        self.random.shuffle(result)
        return result

    def move(self, s, *more):
        for slot in self.slots(s)[:6]:
            if f"{slot[:10]}T{slot[11:]}" == s["local"]:
                continue
            by = self.random.choice(("participant", "service"))
            if self.world.attempt("session", "move", s["id"], "--to", slot, "--by", by, "--reason", PRIVATE, *more) is not None:
                self.counts["moved by " + by] += 1
                self.counts["moved with cascade"] += "--cascade" in more
                self.look()
                return True
        return False

    def planned(self, first, last):
        return sorted((s for s in self.sessions.values() if s["state"] == "planned" and first <= (local(s["local"]).date() - self.today).days <= last),
                      key=lambda s: s["id"])

    def move_any(self):
        choice = self.planned(0, 20)
        choice = [s for s in choice if instant(s["start"]) > self.at]
        if choice:
            self.move(self.random.choice(choice), *(["--cascade"] if self.random.random() < 0.25 else []))

    def move_tomorrow(self):
        """The reminder of the evening before has gone; then the session moves."""
        choice = self.planned(1, 1)
        if choice and self.move(self.random.choice(choice)):
            self.counts["moved after the reminder"] += 1

    def move_at_night(self):
        """One of today where there is one, and one of the next days: nobody is woken for it."""
        for choice in (self.planned(0, 0), self.planned(1, 6)):
            choice = [s for s in choice if instant(s["start"]) > self.at]
            if choice and self.move(self.random.choice(choice)):
                self.counts["moved at night"] += 1

    def cancel(self):
        s = self.random.choice([s for s in self.planned(1, 12) if (s["participant"], s["number"]) not in FATES])
        self.world.ctl("session", "cancel", s["id"], "--by", self.random.choice(("participant", "service")), "--reason", PRIVATE)
        self.counts["cancelled"] += 1
        self.look()
        self.replan = s["participant"]

    def plan_again(self):
        """Lost numbers get a catch-up where there is room."""
        if self.world.attempt("participant", "plan", self.replan) is not None:
            self.counts["planned again"] += 1
            self.look()

    def tell(self, *arguments):
        self.world.ctl(*arguments)
        self.counts[" ".join(arguments[:2])] += 1
        self.look()

    def unlink(self):
        advocate, participant = next((a, p) for a, p, _, _ in self.cast.links if a == "beacon-1")
        self.world.ctl("advocate", "unlink", advocate, "--participant", participant)
        self.unlinked[(advocate, participant)] = self.at

    def link_late(self):
        linked = {(a, p) for a, p, _, _ in self.cast.links}
        participant = next(p for p in ("P-1018", "P-1012", "P-1024") if ("harbour-2", p) not in linked)
        link = ("harbour-2", participant, f"CASE-{self.cast.word()}", "all")
        self.cast.links.append(link)
        self.linked_since[link[:2]] = self.at
        self.world.ctl("advocate", "link", link[0], "--participant", participant, "--case-ref", link[2])

    def complete_all(self):
        for ref in self.cast.participants:
            if self.world.attempt("participant", "complete", ref, "--because", "other", "--reason", PRIVATE) is not None:
                self.counts["completed"] += 1
        self.look()

    # ---- answering mails ----

    def read_mails(self):
        arrived = len(self.box.mails)
        mails, self.mails_read = sorted(self.box.mails[self.mails_read:arrived], key=lambda m: m.message_id), arrived
        for mail in mails:
            if not mail.link():
                continue
            escalation = mail.headers.split("In-Reply-To: <", 1)[1].split("@", 1)[0]
            self.open_links.setdefault(escalation, []).append(mail)
        states = {x["id"]: x["state"] for x in self.world.ctl("escalation", "list", "--open")} if self.open_links else {}
        for escalation in list(self.open_links):
            self.answer(escalation, states.get(escalation))

    def person_of(self, mail):
        for group in (self.cast.supervisors, self.cast.advocates):
            for ident, person in group.items():
                if person["email"] == mail.to:
                    return ident, group is self.cast.advocates
        raise AssertionError("a link went to somebody else")

    def answer(self, escalation, state):
        """A link is good until the chain sends later ones, or somebody acts."""
        mails = self.open_links[escalation]
        newest = max(m.date for m in mails)
        live = [m for m in mails if m.date == newest]
        for mail in mails:
            if mail not in live:
                self.try_stale(mail)
        self.open_links[escalation] = live
        mail, roll = self.random.choice(live), self.random.random()
        ident, advocate = self.person_of(mail)
        if state != "waiting":
            pass
        elif roll < 0.4:
            self.acknowledge_by_link(mail, escalation, ident, advocate)
        elif roll < 0.55:
            self.world.ctl("escalation", "ack", escalation, "--as", ident)
            self.counts["acknowledged by cobictl"] += 1
        else:
            return
        for other in live:
            self.try_stale(other)
        del self.open_links[escalation]

    def http(self, method, token, form=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.world.port, timeout=20)
        with contextlib.closing(connection):
            body = urlencode(form) if form is not None else None
            if body is not None:
                headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
            connection.request(method, f"/ack/{token}", body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8")

    def unchanged(self, law, what, act, allowed=()):
        before = self.world.dump()
        result = act()
        changed = [t for t in changed_tables(before, self.world.dump()) if t not in allowed]
        if changed:
            self.fault(law, f"{what} changed {changed}")
        return result

    def acknowledge_by_link(self, mail, escalation, ident, advocate):
        token, code = mail.link()
        law = "an emailed link: looking changes nothing, the code acts once"
        self.danced[advocate] += 1
        careful = self.danced[advocate] <= 2
        if careful:
            for method, form, wanted, allowed in (("GET", None, 200, ()), ("HEAD", None, 200, ()), ("POST", {"code": "AAAA-AAAA"}, 403, ("ack",)),
                                                  ("POST", {}, 403, ()), ("POST", {"code": "x" * 5000}, 403, ()), ("PUT", {"code": code}, 405, ())):
                status, page = self.unchanged(law, f"{method} {form}", lambda m=method, f=form: self.http(m, token, f), allowed)
                if status != wanted or code in page:
                    self.fault(law, f"{method} with {form}: {status}")
            if self.unchanged(law, "another site's form", lambda: self.http("POST", token, {"code": code}, Origin="https://evil.example"))[0] != 403:
                self.fault(law, "another site's form was taken")
        typed = code if self.random.random() < 0.5 else code.lower().replace("-", " ")
        status, _ = self.http("POST", token, {"code": typed})
        shown = self.world.ctl("escalation", "show", escalation)
        if status != 200 or shown["acknowledged_by"] != ident or shown["state"] != ("resolved" if advocate else "acknowledged"):
            self.fault(law, f"POST with the code: {status}, {shown['state']} by {shown['acknowledged_by']}")
        self.counts["acknowledged by link"] += 1
        if careful:
            for method, form in (("POST", {"code": code}), ("GET", None)):
                if self.unchanged(law, f"a used link ({method})", lambda m=method, f=form: self.http(m, token, f))[0] != 404:
                    self.fault(law, f"{method} of a used link is not 404")

    def try_stale(self, mail):
        """A link of an earlier step, or of a chain on which somebody has acted."""
        self.danced["stale"] += 1
        if self.danced["stale"] > 8:
            return
        token, code = mail.link()
        law = "a stale link does nothing"
        for method, form in (("GET", None), ("POST", {"code": code})):
            status, _ = self.unchanged(law, method, lambda m=method, f=form: self.http(m, token, f))
            if status != 404:
                self.fault(law, f"{method}: {status}")

    def finish_chains(self, least=timedelta(days=4)):
        for x in self.world.ctl("escalation", "list", "--open"):
            if x["kind"] == "unrecorded":
                self.resolve_unrecorded(x)
            elif x["state"] == "acknowledged":
                self.world.ctl("escalation", "resolve", x["id"], "--as", x["acknowledged_by"], "--reason", PRIVATE)
            elif self.at - instant(x["opened"]) >= least:
                self.world.ctl("escalation", "resolve", x["id"], "--as", x["advocate"] or "kd", "--reason", PRIVATE)

    def resolve_unrecorded(self, x):
        if self.world.attempt("escalation", "resolve", x["id"], "--as", "kd", "--reason", PRIVATE) is not None:
            self.fault("a missing outcome is not resolved away", f"{x['id']}, session {x['session']}")

    def finish_tasks(self, share=0.8):
        for t in self.world.ctl("task", "list"):
            if t["state"] == "open" and self.random.random() < share and t["kind"] not in DONE_BY_COMMAND:
                self.world.ctl("task", "done", t["id"], "--as", t["owner"])
                self.counts["tasks done"] += 1

    def finish(self):
        """Nothing stays open, and time goes on until nothing more is due."""
        for day in (LAST + timedelta(days=3), LAST + timedelta(days=7)):
            self.go_to(day, "12:00")
            self.record_outcomes()
            self.finish_chains(least=timedelta(0))
            self.finish_tasks(1.0)
        for s in self.sessions.values():
            if s["state"] == "awaiting_outcome":
                self.never_recorded.append(s["id"])
                self.outcome(s, "ATTC", "kd")
        self.go_to(LAST + timedelta(days=7), "15:00")
        self.hear_watcher()

    # ---- feeds ----

    def expected_events(self, kind, owner):
        first = datetime.combine(self.today - timedelta(days=30), datetime.min.time()).replace(tzinfo=LONDON)
        last = datetime.combine(self.today + timedelta(days=29), datetime.min.time()).replace(tzinfo=LONDON)
        result = []
        for s in self.sessions.values():
            start = instant(s["start"])
            if s[kind] != owner or start < first or (kind == "participant" and start >= last):
                continue
            wall = local(s["local"]).replace(tzinfo=LONDON)
            summary = "Appointment" if kind == "participant" else f"Session {s['number']} of {s['of']} · ref {s['participant']}"
            cancelled = s["state"] == "cancelled"
            result.append((wall.timestamp(), wall.timestamp() + s["minutes"] * 60, "Europe/London", s["revision"],
                           ("Cancelled: " if cancelled else "") + summary, cancelled))
        return sorted(result)

    def check_feeds(self):
        law = "the feeds' times are the plan's"
        for kind, owner, url in self.feeds:
            body, headers, faults = fetch_all_ways(url)
            for fault in faults:
                self.fault("feeds by HTTP: plain, gzip, 304, HEAD", f"{kind} {owner} on {self.today}: {fault}")
            try:
                events = read_events(body)
            except (Broken, KeyError, ValueError) as error:
                self.fault(law, f"{kind} {owner} on {self.today}: {error}")
                continue
            seen = sorted((e["start"].timestamp(), e["end"].timestamp(), e["zone"], e["sequence"], e["summary"], e["cancelled"]) for e in events.values())
            wanted = self.expected_events(kind, owner)
            if seen != wanted:
                self.fault(law, f"{kind} {owner} on {self.today}: {sorted(set(seen) ^ set(wanted))[:3]}")
            self.counts["feed events compared"] += len(seen)
            if kind == "participant":
                self.feed_seen.setdefault(owner, []).append(headers.encode() + b"\r\n\r\n" + body)

    # ---- trouble ----

    def wait_for(self, what, condition, pause=0.02):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if condition():
                return
            time.sleep(pause)
        self.fault("the daemon goes on", f"{what} did not come")

    def reload_good(self):
        generation = self.world.call("/status")["generation"]
        self.world.write_config('outcome_ask_after = "20m";\n')
        self.world.reload()
        self.wait_for("a good configuration", lambda: self.world.call("/status")["generation"] == generation + 1)

    def reload_bad(self):
        before = self.world.call("/status")["generation"]
        self.world.write_config('reminders = ( { days_before = "soon" } );\n')
        self.world.reload()
        self.wait_for("the refusal of a bad configuration", lambda: self.world.call("/status")["configuration"] != "in force")
        if self.world.call("/status")["generation"] != before or self.world.run("health").returncode != 1:
            self.fault("the daemon goes on", "a bad configuration was taken, or health does not say so")

    def reload_repaired(self):
        self.reload_good()
        status = self.world.call("/status")
        if status["configuration"] != "in force":
            self.fault("the daemon goes on", status["configuration"])

    def kill_while(self, double, received, target):
        """kill -9 while the double has taken a message and not answered yet; then a new start."""
        before = len(received)
        self.hear_watcher()
        double.hold = True
        watcher = subprocess.Popen([os.path.join(BUILD, "cobictl"), "--socket", self.world.socket, "clock", "set", target], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        self.wait_for("a message to be killed with", lambda: len(received) > before)
        self.world.kill()
        double.hold = False
        watcher.wait(timeout=20)
        self.counts["texts in flight at kill -9" if double is self.texts else "mails in flight at kill -9"] += len(received) - before
        self.world.start()

    def kill_with_texts(self):
        self.kill_while(self.texts, self.texts.texts, f"{self.today} 19:30")

    def kill_with_mails(self):
        """Right after a miss was recorded: the notices to supervisor, officer and advocates are on their way."""
        self.mails_killed = True
        self.kill_while(self.box, self.box.mails, f"{self.today} 17:50")


def told(*arguments):
    return lambda story: story.tell(*arguments)


def day(month, number):
    return date(2027, month, number)


SCHEDULE = {
    (day(2, 10), "13:35"): (Story.reload_good,),
    (day(2, 16), "17:34"): (Story.cancel,),
    (day(2, 17), "17:34"): (Story.kill_with_texts, Story.plan_again),
    (day(2, 19), "13:35"): (Story.link_late,),
    (day(2, 24), "13:35"): (told("participant", "pause", "P-1016", "--because", "health", "--reason", PRIVATE),),
    (day(3, 2), "13:35"): (Story.unlink, Story.cancel),
    (day(3, 4), "17:34"): (Story.plan_again,),
    (day(3, 8), "13:35"): (told("participant", "resume", "P-1016", "--because", "health"),),
    (day(3, 10), "13:35"): (told("participant", "withdraw", "P-1021", "--because", "moved", "--reason", PRIVATE),),
    (day(3, 11), "17:34"): (Story.reload_bad,),
    (day(3, 15), "13:35"): (Story.reload_repaired,),
    (day(3, 22), "17:34"): (Story.cancel,),
    (day(3, 23), "17:34"): (Story.plan_again,),
    (day(4, 1), "13:35"): (told("participant", "end", "P-1026", "--because", "order_ended"),),
    (day(4, 8), "17:34"): (Story.cancel,),
    (day(4, 9), "17:34"): (Story.plan_again,),
    (day(5, 6), "17:34"): (Story.complete_all,),
}
