#!/usr/bin/env python3
"""The daemon is killed again and again, at random moments of three months: kill -9 during commands, while the clock goes on, during sends, while it starts.

The real cobid on a manual clock; texts go to an HTTP double, mails to an SMTP double, which take their time and count what they took. A ledger outside
notes every answer; after each death the files as they lie are compared with it, and at the end what phones and mailboxes got.
DEATHS=n SEED=n choose how often and which life; fewer deaths live a shorter life.
"""
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "doubles"), os.path.join(HERE, "e2e")]

from three_months import use_the_system_python  # noqa: E402

use_the_system_python()
from cast import Cast, between  # noqa: E402
from ledger import INTERRUPTED, OK, REFUSED, UNKNOWN, Ledger  # noqa: E402
from mail_double import open_relay  # noqa: E402
from sms_double import SmsDouble  # noqa: E402
from tap import Checks  # noqa: E402
from world import BUILD, DONE_BY_COMMAND, Wire, World, instant, make_folder  # noqa: E402
from zoneinfo import ZoneInfo  # noqa: E402

DEATHS = int(os.environ.get("DEATHS") or 8)
SEED = int(os.environ.get("SEED") or 20270121)
LONDON = ZoneInfo("Europe/London")
FIRST, WHOLE_DAYS = date(2027, 1, 21), 106
CLOCKS = ("09:30", "13:35", "17:40", "19:10")
TEXTS_MAX, MAILS_MAX = 8, 5 * 32   # in_flight_max of the two gateways: texts to one audience, mails to five
PATIENCE_S = 60
START_S = 0.12                     # a start takes less: deaths of starts fall within
MAY_REPEAT = {"escalation", "advocate_notice", "officer_notice", "stand_down", "alarm", "task", "change", "cancellation"}
UNMARKED = {"task", "alarm", "change", "cancellation"}  # their texts say the same when they come twice
HOW = {"command": 6, "advance": 3, "send": 5, "start": 2, "stop": 1}  # how often
LAWS = ("nothing acknowledged is lost, nothing refused is there, what was not answered is there whole or not at all",
        "after every death the database is sound and nothing in it is half done", "the audit has every command that was done, once",
        "it always starts again", "the clock never goes back")


class Killer:
    """Kills the daemon some time from now, from a thread of its own."""

    def __init__(self, world):
        self.world, self.timer = world, None

    def arm(self, delay_s, signal_number=signal.SIGKILL):
        self.timer = threading.Timer(delay_s, self.strike, (self.world.process, signal_number))
        self.timer.start()

    @staticmethod
    def strike(process, signal_number):
        process.send_signal(signal_number)

    def wait(self):
        if self.timer:
            self.timer.join()
        self.timer = None


class Life:
    def __init__(self, world, cast, box, texts, generator):
        self.world, self.cast, self.box, self.texts, self.random = world, cast, box, texts, generator
        self.ledger, self.killer, self.wire = Ledger(world), Killer(world), Wire(world.socket)
        self.deaths, self.in_flight, self.counts = Counter(), 0, Counter()
        self.due_deaths, self.due_points = DEATHS, 1
        self.days = WHOLE_DAYS if DEATHS >= 60 else max(14, min(WHOLE_DAYS, 2 * DEATHS))
        self.participants = list(cast.participants)[:30 if DEATHS >= 60 else 12]
        self.today, self.how = FIRST, None

    # ---- dying and living again ----

    def draw(self, *ways):
        """One of the occasions at which a death may be due: None, or in which of these ways it comes."""
        due = self.random.random() * max(1, self.due_points) < self.due_deaths
        self.due_points -= 1
        self.due_deaths -= due
        self.how = self.random.choices(ways, [HOW[way] for way in ways])[0] if due else None
        return self.how

    def dead(self):
        return self.world.process.poll() is not None

    def revive(self, how):
        """It is dead or about to die: what lies there is looked at, and it starts again; some starts are cut short, too."""
        how = self.how if self.how in ("start", "stop") else how
        self.how = None
        self.killer.wait()
        self.world.process.wait(timeout=PATIENCE_S)
        self.wire.close()
        self.deaths[how] += 1
        self.in_flight += self.ledger.post_mortem()
        if how == "start":
            self.die_starting()
        try:
            self.world.start()
        except RuntimeError as error:
            self.ledger.fault("it always starts again", str(error)[-300:])
            raise
        self.ledger.see_clock(self.world.call("/clock/show")["now"])
        with contextlib.closing(self.world.database()) as db:
            self.ledger.look(db)

    def die_starting(self):
        with open(self.world.log, "ab") as log:
            self.world.process = subprocess.Popen([os.path.join(BUILD, "cobid"), "-c", self.world.config], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        time.sleep(self.random.random() * START_S)
        self.world.kill()
        self.in_flight += self.ledger.post_mortem()

    def be_born(self):
        """The very first starts are cut short as well."""
        for _ in range(max(1, DEATHS // 12)):
            self.due_deaths -= 1
            self.deaths["first start"] += 1
            self.die_starting()
        self.world.start()

    # ---- commands ----

    def tell(self, noun, verb, ident, changes=None, **options):
        """Gives a command; returns (answer, document). After a death the daemon lives again, and the command is not repeated."""
        arguments = {"id": ident, **{k.rstrip("_").replace("_", "-"): v for k, v in options.items()}}
        answer, document = self.ask(f"/{noun}/{verb}", arguments)
        self.ledger.note(answer, f"{noun} {verb}", ident, changes or {})
        self.counts[answer] += 1
        if answer == UNKNOWN:
            self.revive("command")
        return answer, document

    def ask(self, path, arguments):
        self.world.commands += 1
        try:
            status, body = self.wire.send(path, json.dumps(arguments).encode())
            document = json.loads(body)
        except (OSError, ValueError):
            self.wire.close()
            return UNKNOWN, None
        return (OK if status == 200 else REFUSED), document

    def listed(self, noun, **options):
        while True:
            answer, document = self.ask(f"/{noun}/list", options)
            if answer == OK:
                return document
            if answer == REFUSED:
                raise AssertionError(f"{noun} list: {document}")
            self.revive("command")

    def insist(self, key, noun, verb, ident, changes, **options):
        """Gives a command until it is known to be done, as a person would who looks before trying again."""
        for _ in range(6):
            answer, document = self.tell(noun, verb, ident, changes, **options)
            if answer == OK or self.ledger.may.get(key) == {changes[key]}:
                return True
            if answer == REFUSED:
                return False
        raise AssertionError(f"{noun} {verb} {ident}: never answered")

    def threaten(self, how, within_s):
        """A stop is told by SIGTERM and cut short; before a start that is cut short, it just dies."""
        if how == "stop":
            self.killer.arm(self.random.random() * within_s, signal.SIGTERM)
            self.killer.wait()
            within_s = 0.01
        self.killer.arm(0 if how == "start" else self.random.random() * within_s)

    def batch(self, commands):
        """Commands in a row, with a death among them where one is due."""
        how = self.draw("command", "start", "stop")
        if how:
            self.threaten(how, 0.0012 * max(1, len(commands)))
        before = sum(self.deaths.values())
        for command in commands:
            command()
        until = time.monotonic() + PATIENCE_S
        while self.how == "command" and time.monotonic() < until:  # it dies over one of these, then
            self.tell("office", "set", "north", rooms=str(self.random.randrange(2, 9)))
        if how and sum(self.deaths.values()) == before:
            self.killer.wait()
            self.revive("idle")

    # ---- time ----

    def go_to(self, day, clock):
        self.today, self.at = day, datetime.combine(day, datetime.strptime(clock, "%H:%M").time()).replace(tzinfo=LONDON)
        how = self.draw("advance", "send", "start", "stop")
        self.send_clock()
        if how == "send":
            self.kill_while_sending()
        elif how:
            self.threaten(how, 0.15)
        until = time.monotonic() + PATIENCE_S
        while True:
            shown = self.world.call("/clock/show")
            if shown is None:
                self.killer.wait()
                self.revive("advance")
                self.send_clock()
                continue
            self.ledger.see_clock(shown["now"])
            if instant(shown["now"]) >= self.at and not shown["advancing"]:
                break
            if time.monotonic() > until:
                raise AssertionError(f"the clock does not reach {self.at}: {shown}")
            time.sleep(0.003)
        if self.how and self.how != "send":
            self.killer.wait()
            self.revive("idle")

    def send_clock(self):
        while True:
            answer, document = self.ask("/clock/set", {"id": self.at.strftime("%Y-%m-%d %H:%M")})
            if answer == OK or (answer == REFUSED and self.world.now() >= self.at):
                return
            if answer == REFUSED:
                raise AssertionError(f"clock set: {document}")
            self.revive("advance")

    def kill_while_sending(self):
        """Waits until a gateway has something in hand; where none gets anything, the death comes at the next occasion."""
        until = time.monotonic() + 0.5
        while time.monotonic() < until and not self.texts.in_hand and not self.box.in_hand:
            if (shown := self.world.call("/clock/show")) and not shown["advancing"]:
                self.due_deaths += 1
                self.how = None
                return
            time.sleep(0.001)
        time.sleep(self.random.random() * 0.02)
        self.world.process.kill()
        self.revive("send")
        self.send_clock()

    # ---- what happens in these months ----

    def enter(self):
        nouns = (("office", self.cast.offices), ("supervisor", self.cast.supervisors), ("practitioner", self.cast.practitioners), ("officer", self.cast.officers),
                 ("advocate", self.cast.advocates), ("participant", {p: self.cast.participants[p] for p in self.participants}))
        todo = [lambda n=noun, i=ident, f=fields: self.insist(("person", i), n, "add", i, self.added(n, i), **f) for noun, group in nouns
                for ident, fields in group.items()]
        for advocate, participant, case_ref, level in self.cast.links:
            if participant in self.participants:
                key = ("link", f"{advocate} {participant}")
                todo.append(lambda k=key, a=advocate, p=participant, c=case_ref, v=level:
                            self.insist(k, "advocate", "link", a, {k: "there"}, participant=p, case_ref=c, level=v))
        todo += [lambda p=p: self.plan(p) for p in self.participants]
        slices = max(2, DEATHS // 5)
        self.due_points = slices + len(self.calendar()) * 2
        for n in range(slices):
            self.batch(todo[len(todo) * n // slices:len(todo) * (n + 1) // slices])

    @staticmethod
    def added(noun, ident):
        return {("person", ident): "there", **({("participant", ident): "referred"} if noun == "participant" else {})}

    def plan(self, participant):
        changes = {("planned", participant): 12, ("participant", participant): "active"}
        for wish in (None, "prefer", "unavailable"):
            if wish and self.cast.participants[participant].pop(wish, None):
                self.tell("participant", "set", participant, **{wish: ""})
            if self.insist(("planned", participant), "participant", "plan", participant, changes):
                return
        raise AssertionError(f"{participant} gets no plan")

    def calendar(self):
        last = FIRST + timedelta(days=self.days - 1)
        return [(day, clock) for day in between(FIRST, last) for clock in (CLOCKS if day.weekday() < 5 else CLOCKS[1:2])]

    def run(self):
        for day, clock in self.calendar():
            self.go_to(day, clock)
            self.batch(self.chores(clock))

    def chores(self, clock):
        sessions = self.listed("session")
        todo = [lambda s=s: self.record(s) for s in sessions if s["state"] == "awaiting_outcome" and self.random.random() < 0.9]
        planned = [s for s in sessions if s["state"] == "planned" and timedelta(0) < instant(s["start"]) - self.at < timedelta(days=9)]
        if clock == "19:10" and planned:
            todo += [lambda s=s: self.move(s) for s in self.random.sample(planned, min(2, len(planned)))]
        if clock == "09:30":
            todo += [lambda x=x: self.handle(x) for x in self.listed("escalation", open=True)]
        if clock == "13:35":
            todo += [lambda t=t: self.tell("task", "done", t["id"], {("task", t["id"]): "done"}, as_=t["owner"])
                     for t in self.listed("task") if t["state"] == "open" and self.random.random() < 0.5 and t["kind"] not in DONE_BY_COMMAND]
        if clock == "17:40" and self.random.random() < 0.05 and self.counts["withdrawn"] < len(self.participants) // 6:
            todo.append(self.withdraw)
        return todo

    def record(self, s):
        begun = self.at - instant(s["start"])
        code = self.random.choices(("ATTC", "AFTA", "UAAB"), (8, 3, 1))[0] if begun >= timedelta(minutes=15) else "ATTC"
        if code == "ATTC" and begun < timedelta(minutes=s["minutes"]):
            return
        by = s["practitioner"] if code != "UAAB" else self.cast.practitioners[s["practitioner"]]["supervisor"]
        answer, _ = self.tell("session", "outcome", s["id"], {("outcome", s["id"]): code}, id2=code, as_=by)
        self.counts[code] += answer == OK

    def move(self, s):
        start = datetime.fromisoformat(s["local"]) + self.random.choice((timedelta(days=1), timedelta(hours=1), timedelta(minutes=30), timedelta(days=7)))
        value = start.strftime("%Y-%m-%dT%H:%M")
        self.ledger.may.setdefault(("start", s["id"]), {s["local"]})  # nobody may have died since it was planned
        answer, _ = self.tell("session", "move", s["id"], {("start", s["id"]): value}, to=value.replace("T", " "), by="participant")
        self.counts["moved"] += answer == OK

    def handle(self, x):
        """Acknowledged, a day later resolved; what waits for an outcome resolves itself when it is recorded."""
        if x["kind"] == "unrecorded" or self.random.random() < 0.2:
            return
        if x["state"] == "acknowledged":
            self.tell("escalation", "resolve", x["id"], as_=x["acknowledged_by"], reason="done")
        elif x["state"] == "waiting":
            self.tell("escalation", "ack", x["id"], as_=x["advocate"] or "kd")

    def withdraw(self):
        participant = self.random.choice(self.participants)
        if self.ledger.may.get(("participant", participant)) == {"active"}:
            answer, _ = self.tell("participant", "withdraw", participant, {("participant", participant): "withdrawn"}, because="moved")
            self.counts["withdrawn"] += answer == OK

    def finish(self):
        """No more deaths; nothing stays open, and time goes on until nothing more is due."""
        while self.due_deaths > 0:
            self.due_points = self.due_deaths
            self.batch([lambda: self.listed("session")])
        self.due_points = 1 << 30
        last = FIRST + timedelta(days=self.days - 1)
        for days in (1, 3, 5):
            self.go_to(last + timedelta(days=days), "12:00")
            for s in self.listed("session"):
                if s["state"] == "awaiting_outcome":
                    self.record(s)
            self.go_to(last + timedelta(days=days), "13:00")  # nobody hears of a miss before it can no longer be taken back
            self.settle_chains()
        self.go_to(last + timedelta(days=5), "15:00")

    def settle_chains(self):
        for x in self.listed("escalation", open=True):
            if x["kind"] != "unrecorded":
                self.tell("escalation", "resolve", x["id"], as_=x["advocate"] or "kd", reason="done")


class Witness:
    """What phones and mailboxes got, against what the daemon holds."""

    def __init__(self, life):
        self.life = life
        world = life.world
        self.messages = {m["id"]: m for m in world.rows("SELECT id, kind, session, revision, step, recipient, channel, state, reason, repeat, attempt_count, wake_us FROM message")}
        self.attempts = defaultdict(list)
        for row in world.rows("SELECT message, attempt, outcome, detail FROM attempt ORDER BY message, attempt"):
            self.attempts[row["message"]].append(row)
        self.seen = defaultdict(list)
        for text in life.texts.texts:
            self.seen[text["reference"].rsplit("-", 1)[0]].append(text["text"])
        for mail in life.box.mails:
            self.seen[mail.message_id].append(mail.body)

    def lost(self, ident, interrupted):
        return sum(a["outcome"] == "uncertain" and (a["detail"] == INTERRUPTED) == interrupted for a in self.attempts[ident])

    def known(self):
        """nothing arrived that the daemon does not hold"""
        for ident in self.seen:
            if ident not in self.messages:
                yield ident

    def accepted(self):
        """nothing is held for accepted that no gateway took, and what a gateway took once without a lost answer is accepted"""
        for m in self.messages.values():
            seen, lost = len(self.seen[m["id"]]), self.lost(m["id"], True) + self.lost(m["id"], False)
            if m["state"] == "accepted" and seen == 0:
                yield f"{m['id']} {m['kind']}: accepted, arrived never"
            if m["state"] != "accepted" and seen > 0 and lost == 0:
                yield f"{m['id']} {m['kind']}: {m['state']}, arrived {seen} times"
            if m["state"] == "sending" or (m["state"] == "queued" and m["wake_us"] is None):
                yield f"{m['id']} {m['kind']}: still {m['state']}"

    def once(self):
        """a reminder never came twice, nor anything else that may not be repeated"""
        keys = Counter()
        for m in self.messages.values():
            if m["kind"] in MAY_REPEAT:
                continue
            keys[(m["kind"], m["session"], m["revision"], m["step"], m["recipient"], m["channel"])] += len(self.seen[m["id"]]) if m["session"] else 0
            if len(self.seen[m["id"]]) > 1:
                yield f"{m['id']} {m['kind']}: arrived {len(self.seen[m['id']])} times, attempts {self.attempts[m['id']]}"
        for key, count in keys.items():
            if count > 1:
                yield f"{key}: {count} times"

    def repeats(self):
        """what may be repeated came at most once and once more for each lost answer, and says that it may be a repeat"""
        for m in self.messages.values():
            seen, lost = self.seen[m["id"]], self.lost(m["id"], True) + self.lost(m["id"], False)
            if m["kind"] not in MAY_REPEAT or len(seen) <= 1:
                continue
            self.life.counts["repeated"] += 1
            if len(seen) > 1 + lost:
                yield f"{m['id']} {m['kind']}: arrived {len(seen)} times, {lost} answers lost"
            if m["kind"] not in UNMARKED and not all("may be a repeat" in body for body in seen[1:]):
                yield f"{m['id']} {m['kind']}: the repeat does not say so"

    def uncertain(self):
        """what is uncertain is exactly what was under way at a death, never more than the gateways' lanes hold"""
        settled = {(i, a["attempt"]) for i, attempts in self.attempts.items() for a in attempts if a["detail"] == INTERRUPTED}
        for key in settled ^ self.life.ledger.interrupted:
            yield f"{key}: {'uncertain' if key in settled else 'under way at a death and not settled'}"
        if self.life.ledger.most_in_flight > TEXTS_MAX + MAILS_MAX:
            yield f"{self.life.ledger.most_in_flight} at once"


def check(checks, life):
    world = life.world
    with contextlib.closing(world.database()) as db:
        life.ledger.look(db)
        life.ledger.check_whole(db)
        life.ledger.check_audit(db)
    for law in LAWS:
        faults = life.ledger.faults.get(law, [])
        checks.ok(law, not faults, f"{len(faults)} times: " + "; ".join(faults[:5]))
    witness = Witness(life)
    for law in (Witness.known, Witness.accepted, Witness.once, Witness.repeats, Witness.uncertain):
        faults = list(law(witness))
        checks.ok(" ".join(law.__doc__.split()), not faults, f"{len(faults)} times: " + "; ".join(faults[:5]))
    verdict = world.run("audit", "verify")
    checks.ok("the chains of the audit and of the access log verify", verdict.returncode == 0, verdict.stdout + verdict.stderr)
    health = world.run("health")
    checks.ok("health is good at the end", health.returncode == 0, health.stdout + health.stderr)
    checks.equal("it stops in good order", world.stop(), 0)
    checks.equal("it died as often as it should", sum(life.deaths.values()), DEATHS)
    lost = sum(a["outcome"] == "uncertain" and a["detail"] != INTERRUPTED for rows in witness.attempts.values() for a in rows)
    print(f"# {sum(life.deaths.values())} deaths: " + ", ".join(f"{how} {n}" for how, n in sorted(life.deaths.items())))
    print(f"# {life.in_flight} messages under way at deaths, at most {life.ledger.most_in_flight} at one; {lost} answers lost otherwise")
    print(f"# commands: {life.counts[OK]} done, {life.counts[REFUSED]} refused, {life.counts[UNKNOWN]} not answered"
          f" (found done {life.ledger.settled_unknown['done']}, not done {life.ledger.settled_unknown['not done']})")
    print(f"# {len(witness.messages)} messages, {len(life.texts.texts)} texts and {len(life.box.mails)} mails taken; "
          + ", ".join(f"{name}: {life.counts[name]}" for name in ("ATTC", "AFTA", "UAAB", "moved", "withdrawn", "repeated")))


def main():
    start = time.monotonic()
    print(f"# seed {SEED}, {DEATHS} deaths; again: make check-deaths DEATHS={DEATHS} SEED={SEED}")
    checks, generator, noise = Checks(), random.Random(SEED), random.Random(SEED + 1)
    folder = make_folder("cobid-mail-")
    texts = SmsDouble()
    box, port, _, close_relay = open_relay(os.path.join(folder, "Maildir"))
    world = World("cobid-deaths", "2027-01-21 08:00", texts.url, port)
    texts.world = box.world = world
    texts.pause = box.pause = lambda: noise.random() * 0.015
    life = Life(world, Cast(generator), box, texts, generator)
    try:
        life.be_born()
        life.enter()
        life.run()
        life.finish()
        check(checks, life)
    finally:
        world.close()
        close_relay()
        texts.close()
        subprocess.run(["rm", "-rf", folder], check=False)
    print(f"# {time.monotonic() - start:.1f} s")
    checks.finish()


if __name__ == "__main__":
    main()
