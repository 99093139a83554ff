#!/usr/bin/env python3
"""Every file call of a short real job goes wrong once: the process is killed there, the power is cut, or it is told EIO, ENOSPC, EROFS, or half of a write.

A shim (tests/shim/file_faults.c) makes the n-th call on the daemon's files fail, for n = 1, 2, 3 ... until there is no n-th call; then without a fault the
daemon starts anew and the job is finished. Nothing acknowledged is lost, nothing refused is there, nothing is sent twice, no crash but our own kill.
COBI_FAULT_STRIDE=k takes each k-th point of every mode, from a start that SEED gives (and the first, where the fault lasts); COBI_FAULT_MODES names some
modes only, COBI_FAULT_AT=n one point only and says what the daemon said. COBI_FAULT_WORKERS points are under way at once: most of their time is waiting.
"""
import contextlib
import glob
import json
import multiprocessing
import os
import queue
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter, defaultdict

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "doubles"), os.path.join(HERE, "e2e")]

from ledger import OK, REFUSED, UNKNOWN, Ledger  # noqa: E402
from smtp_double import SmtpDouble  # noqa: E402
from tap import Checks  # noqa: E402
from world import BUILD, Wire, World, make_folder  # noqa: E402

SHIM = os.path.abspath(os.path.join(BUILD, "tests/shim/file_faults.so"))
STRIDE = int(os.environ.get("COBI_FAULT_STRIDE") or 701)
SEED = int(os.environ.get("SEED") or 1)
FIRST_MAX = 150  # fewer than any mode has
ONLY_AT = int(os.environ.get("COBI_FAULT_AT") or 0)
LANES = 1 if STRIDE > 100 or ONLY_AT else 4  # of one mode, side by side
WORKERS = int(os.environ.get("COBI_FAULT_WORKERS") or 2 * len(os.sched_getaffinity(0)))
PATIENCE_S, TRIES, PAUSE_S = 20, 2, 0.02
STANDS_S = 0.1  # a clock that cannot be kept stands
# name -> what the shim is told. Lasting ones are lifted after the job has met them.
MODES = {
    "kill": {"MODE": "kill"}, "kill after": {"MODE": "kill-after"}, "power cut": {"MODE": "power"}, "EIO": {"MODE": "eio"}, "ENOSPC": {"MODE": "enospc"}, "short write": {"MODE": "short"},
    "EIO from then on": {"MODE": "eio", "LASTING": "1"}, "ENOSPC from then on": {"MODE": "enospc", "LASTING": "1"}, "half then ENOSPC": {"MODE": "torn"},
    "read-only from then on": {"MODE": "readonly"},
}
LASTING = {"EIO from then on", "ENOSPC from then on", "half then ENOSPC", "read-only from then on"}
KILLS = {"kill", "kill after", "power cut"}
LOSSES = 4  # what a power cut takes back: all that was not synced, bytes, names, some
EXITS = {0, 1, 75}
# What the last line of one that ended by itself says of a cause that lasts.
WHY = {"eio": "I/O error|Input/output error|cannot be read", "enospc": "full|No space left", "torn": "full|No space left", "readonly": "[Rr]ead-only"}
MAY_REPEAT = {"escalation", "advocate_notice", "officer_notice", "stand_down", "alarm", "task", "change", "cancellation"}
PEOPLE = (
    ("office", "o1", {"name": "High Street office", "address": "1 High Street, Reading", "phone": "0118 496 0001", "rooms": "2"}),
    ("supervisor", "s1", {"name": "Sue One", "email": "s1@service.example"}),
    ("practitioner", "p1", {"name": "Pat One", "email": "p1@service.example", "office": "o1", "hours": "Mon-Fri 09:00-17:00", "supervisor": "s1"}),
    ("advocate", "a1", {"service": "Harbour", "name": "Ada One", "email": "a1@support.example", "phone": "07911 123451"}),
    ("participant", "P-1", {"programme": "cobi-12", "route": "voluntary", "practitioner": "p1", "office": "o1", "name": "Ann Alder", "mobile": "07700 900101", "prefer": "Tue 14:00"}),
    ("participant", "P-2", {"programme": "cobi-12", "route": "voluntary", "practitioner": "p1", "office": "o1", "name": "Ben Birch", "mobile": "07700 900102", "prefer": "Wed 11:00"}),
)
ADDED = {"programme": "cobi-12", "route": "voluntary", "practitioner": "p1", "office": "o1", "name": "Cat Cedar", "email": "cat@mail.example"}
CLOCK_START, CLOCK_BEFORE, CLOCK_LATER, CLOCK_END = "2027-02-01 08:00", "2027-02-02 16:00", "2027-02-02 16:40", "2027-02-02 18:10"
CLOCK_FIRST = "2027-02-01 10:00"
CLOCK_TOLD = "2027-02-02 18:30"  # what was recorded as late as at the end is told: nobody may take it back any more


class Life(World):
    """One daemon with its folder, and what it was asked."""

    def __init__(self, name, mail_port):
        super().__init__(name, CLOCK_START, None, mail_port)
        self.note, self.lift, self.lost = (os.path.join(self.folder, name) for name in ("note", "lift", "lost"))
        self.wire = Wire(self.socket)
        self.ledger = None
        self.accepted = None  # the configuration as it was accepted in the prepared state
        self.lasting = False  # once it has struck, no step can be done

    def write_config(self, more="", templates=None):
        super().write_config(more, templates)
        with open(self.config, encoding="utf-8") as file:
            text = file.read()
        with open(self.config, "w", encoding="utf-8") as file:  # no calendars are asked for: no port is needed
            file.write(text.replace(f'listen = "127.0.0.1:{self.port}";', 'listen = "none";'))

    def begin_life(self, fault=None):
        environment = {**os.environ, "STATE_DIRECTORY": self.state}
        if fault:
            environment.update({f"COBI_FAULT_{name}": value for name, value in fault.items()}, LD_PRELOAD=SHIM, COBI_FAULT_UNDER=self.state,
                               COBI_FAULT_NOTE=self.note, COBI_FAULT_LIFT=self.lift, COBI_FAULT_LOST=self.lost)
        self.log_begins = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([os.path.join(BUILD, "cobid"), "-c", self.config], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        until = time.monotonic() + PATIENCE_S
        while self.alive() and time.monotonic() < until:
            if shown := self.call("/clock/show"):
                self.ledger.see_clock(shown["local"])
                return True
            time.sleep(0.004)
        return False

    def alive(self):
        return self.process.poll() is None

    def struck(self):
        return os.path.exists(self.note)

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            file.seek(self.log_begins)
            return file.read()

    def fresh(self, base):
        """The state as it was prepared, or none at all; an empty ledger."""
        shutil.rmtree(self.state, ignore_errors=True)
        shutil.rmtree(self.lost, ignore_errors=True)
        if base:
            shutil.copytree(base, self.state, symlinks=True)
        else:
            os.makedirs(self.state, mode=0o700)
        self.sent_before = set()
        for name in (self.note, self.lift, self.log):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
        self.ledger = Ledger(self)
        if base:
            with contextlib.closing(self.database()) as db:
                self.ledger.look(db)
                self.ledger.see_clock(CLOCK_BEFORE.replace(" ", "T"))
                self.audited = Counter({(a, s): n for a, s, n in db.execute("SELECT action, subject, count(*) FROM audit WHERE actor<>'cobid' GROUP BY action, subject")})
                self.ledger.asked[OK].update(self.audited)
                self.sent_before = {i for i, in db.execute("SELECT id FROM message WHERE attempt_count>0")}

    def kept(self):
        """The last accepted configuration as it lies there: {name: bytes}, or None."""
        above = os.path.join(self.state, "accepted")
        found = {}
        for folder, _, names in os.walk(above):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    found[os.path.relpath(os.path.join(folder, name), above)] = file.read()
        return found if os.path.isdir(above) else None

    def ask(self, path, arguments):
        """One request: (answer, document). An answer that does not know is unknown, like none."""
        try:
            status, body = self.wire.send(path, json.dumps(arguments).encode())
            document = json.loads(body)
        except (OSError, ValueError):
            self.wire.close()
            return UNKNOWN, None
        if status == 200:
            return OK, document
        return (UNKNOWN if "not known" in document["error"] else REFUSED), document

    def tell(self, noun, verb, ident, changes, options):
        answer, document = self.ask(f"/{noun}/{verb}", {"id": ident, **options})
        self.ledger.note(answer, f"{noun} {verb}", ident, changes)
        return answer, document

    def advance(self, clock):
        """Returns whether the clock got there."""
        begun, goal = time.monotonic(), clock.replace(" ", "T")
        answer, document = self.ask("/clock/show", {})
        if answer == OK and document["local"] < goal:
            answer, document = self.ask("/clock/set", {"id": clock})
        while answer == OK and document["advancing"] and self.worth_waiting(begun):
            time.sleep(0.003)
            answer, document = self.ask("/clock/show", {})
        if answer == OK:
            self.ledger.see_clock(document["local"])
        return answer == OK and document["local"] >= goal

    def worth_waiting(self, begun):
        return self.alive() and time.monotonic() < begun + (STANDS_S if self.lasting and self.struck() else PATIENCE_S)

    def quiet(self):
        """Waits until nothing is under way."""
        begun = time.monotonic()
        while self.worth_waiting(begun):
            status = self.call("/status")
            if status and not status["in_flight"] and not self.rows("SELECT 1 FROM message WHERE state='sending'"):
                return True
            time.sleep(0.005)
        return False

    def end_life(self):
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        self.wire.close()
        return self.process.wait(PATIENCE_S)


class Steps:
    """What is done with the daemon: steps that can be taken up again after a death. Each returns whether it is done."""

    def __init__(self, life, steps):
        self.life, self.steps = life, steps

    def command(self, key, value, noun, verb, ident, more=None, **options):
        """Done once: what is known to be there is not asked for again."""
        if self.life.ledger.may.get(key) == {value}:
            return True
        answer, _ = self.life.tell(noun, verb, ident, {key: value, **(more or {})}, options)
        return answer == OK

    def run(self, tries):
        """Steps in their order; one that is not done is tried again so often. Returns whether all were done."""
        done = True
        for step in self.steps:
            for _ in range(tries):
                if not self.life.alive():
                    return False
                if step():
                    break
                time.sleep(PAUSE_S)
            else:
                done = False
        return done


class Job(Steps):
    """An afternoon: a plan, a miss, a move, an acknowledgement, a reload."""
    must_tell, ends = ("reminder", "escalation", "advocate_notice"), CLOCK_TOLD

    def __init__(self, life):
        super().__init__(life, [self.add, self.plan, self.outcome, self.move, self.later, self.acknowledge, self.reload, self.to_the_end])
        self.missed = life.rows("SELECT id FROM session WHERE participant='P-1' AND number=1")[0]["id"]
        self.moved = life.rows("SELECT id FROM session WHERE participant='P-2' AND number=4")[0]["id"]

    def add(self):
        return self.command(("person", "P-3"), "there", "participant", "add", "P-3", {("participant", "P-3"): "referred"}, **ADDED)

    def plan(self):
        return self.command(("planned", "P-3"), 12, "participant", "plan", "P-3", {("participant", "P-3"): "active"})

    def outcome(self):
        return self.command(("outcome", self.missed), "AFTA", "session", "outcome", self.missed, id2="AFTA", **{"as": "p1"})

    def move(self):
        return self.command(("start", self.moved), "2027-02-25T13:30", "session", "move", self.moved, to="2027-02-25 13:30", by="participant")

    def later(self):
        return self.life.advance(CLOCK_LATER)

    def acknowledge(self):
        answer, chains = self.life.ask("/escalation/list", {"open": True})
        for chain in chains if answer == OK else ():
            if chain["audience"] == "supervisor" and chain["state"] == "waiting":
                return self.life.tell("escalation", "ack", chain["id"], {}, {"as": "s1"})[0] == OK
        return answer == OK

    def reload(self):
        return self.life.ask("/reload", {})[0] == OK

    def to_the_end(self):
        return self.life.advance(CLOCK_END)


class FirstStart(Steps):
    """A service that begins: nothing is there yet. Its first participant gets a first text."""
    must_tell, ends = ("confirmation",), CLOCK_FIRST


    def __init__(self, life):
        super().__init__(life, [self.person(*entered) for entered in PEOPLE[:5]] + [self.plan, self.send])

    def person(self, noun, ident, fields):
        changes = {("participant", ident): "referred"} if noun == "participant" else {}
        return lambda: self.command(("person", ident), "there", noun, "add", ident, changes, **fields)

    def plan(self):
        return self.command(("planned", "P-1"), 12, "participant", "plan", "P-1", {("participant", "P-1"): "active"})

    def send(self):
        return self.life.advance(CLOCK_FIRST) and self.life.quiet()


class Point:
    """The n-th call of one mode."""

    def __init__(self, life, relay, job_class, base, mode, number):
        self.life, self.relay, self.base, self.mode, self.number, self.faults = life, relay, base, mode, number, []
        life.fresh(base)
        shutil.rmtree(os.path.join(relay.folder, "new"))
        os.makedirs(os.path.join(relay.folder, "new"))
        self.job = job_class(life)
        self.how = "nothing"

    def fault(self, line):
        self.faults.append(line)

    def run(self):
        """Returns whether there was such a call."""
        life = self.life
        started = life.begin_life({**MODES[self.mode], "AT": str(self.number), "LOSS": str(random.Random(f"{SEED} {self.number}").randrange(LOSSES))})
        life.lasting = self.mode in LASTING
        done = started and self.job.run(TRIES)
        life.lasting = False
        if life.struck() and started and not done and self.mode not in LASTING and life.alive():
            done = self.patiently()
        if self.mode in LASTING and life.struck() and life.alive():
            self.let_it_recover()
        life.end_life()
        self.check_end(started)
        if not life.struck():
            if not done:
                self.fault("the job is not done although nothing failed")
            return bool(self.faults)
        self.live_on()
        return True

    def patiently(self):
        """It failed once: what was refused then is done when it is asked for again."""
        until = time.monotonic() + PATIENCE_S
        while self.life.alive() and time.monotonic() < until:
            with contextlib.closing(self.life.database()) as db:
                self.life.ledger.look(db)
            if self.job.run(1):
                return True
            time.sleep(0.1)
        if self.life.alive():
            self.fault("it does not recover")
        return False

    def let_it_recover(self):
        """The trouble passes: the same process goes on by itself, or has ended by itself."""
        with open(self.life.lift, "w", encoding="ascii"):
            pass
        until = time.monotonic() + PATIENCE_S
        while self.life.alive() and time.monotonic() < until:
            health = self.life.call("/health")
            if health and health["healthy"]:
                self.how = "recovered"
                with contextlib.closing(self.life.database()) as db:
                    self.life.ledger.look(db)
                if self.patiently():
                    return
            time.sleep(0.05)
        if self.life.alive():
            self.fault(f"it does not recover: {self.life.call('/status')}")

    def check_end(self, started):
        """Not by a signal but ours; when it ended by itself, one clear line says why."""
        code, said = self.life.process.returncode, self.life.said()
        self.how = "killed" if code == -signal.SIGKILL else "went on" if code == 0 and self.how == "nothing" else self.how if code == 0 else f"exit {code}"
        lines = [line for line in said.splitlines() if line.startswith("<3>")]
        if code not in EXITS and not (code == -signal.SIGKILL and self.mode in KILLS):
            self.fault(f"ended with {code}: {said[-300:]}")
        elif code in (1, 75) and (not lines or len(lines[-1]) < 20 or (not started and len(lines) > 2)):
            self.fault(f"exit {code} without one clear line: {said[-500:]}")
        elif code in (1, 75) and self.mode in LASTING and not re.search(WHY[MODES[self.mode]["MODE"]], lines[-1]):
            self.fault(f"exit {code} without the cause: {lines[-1]}")

    def live_on(self):
        """The next start, without faults: everything is as it was said, and the job is finished."""
        life = self.life
        with contextlib.suppress(FileNotFoundError):
            life.ledger.post_mortem()
        self.texts()
        if life.kept() != life.accepted and (self.base or life.kept() is not None):
            self.fault("the accepted configuration is not whole")
        if not self.begin_again():
            self.fault(f"the next start fails: {life.said()[-300:]}")
            return
        with contextlib.closing(life.database()) as db:
            life.ledger.look(db)
        if not self.job.run(100) or not life.advance(self.job.ends):
            self.fault("the job cannot be finished")
        if not life.quiet():
            self.fault("something stays under way")
        verdict, _ = life.ask("/audit/verify", {}), None
        if verdict[0] != OK or not verdict[1]["ok"]:
            self.fault(f"audit: {verdict}")
        answer, offices = life.ask("/office/list", {})
        if answer != OK or [o["name"] for o in offices] != ["High Street office"]:
            self.fault(f"what was sealed does not open: {offices}")
        health = life.call("/health")
        if not health or not health["healthy"]:
            self.fault(f"health: {health}")
        if life.end_life() != 0:
            self.fault("it does not stop in good order")
        self.check_store()

    def begin_again(self):
        """With a configuration that somebody has just spoilt, where there was an accepted one: it runs on that, whatever happened."""
        if not self.base or self.number % 2:
            return self.life.begin_life()
        with open(self.life.config, encoding="utf-8") as file:
            good = file.read()
        try:
            with open(self.life.config, "w", encoding="utf-8") as file:
                file.write("timezone = ")
            if not self.life.begin_life():
                return False
        finally:
            with open(self.life.config, "w", encoding="utf-8") as file:
                file.write(good)
        if self.life.ask("/reload", {})[0] != OK:
            self.fault("the good configuration is not taken")
        return True

    def check_store(self):
        life = self.life
        with contextlib.closing(life.database()) as db:
            life.ledger.look(db)
            life.ledger.check_whole(db)
            life.ledger.check_audit(db)
        for law, lines in life.ledger.faults.items():
            self.fault(f"{law}: {'; '.join(lines[:3])}")
        said = Counter(line.split(" ")[1] for line in life.log_text().splitlines() if line.startswith("<3>alarm "))
        held = Counter(row["topic"] for row in life.rows("SELECT topic FROM message WHERE kind='alarm'"))
        for topic, count in (said - held).items():
            self.fault(f"{count} alarms {topic} more than are held were told to the log")
        attempts = defaultdict(list)
        for row in life.rows("SELECT message, outcome, detail FROM attempt"):
            attempts[row["message"]].append(row["outcome"])
        arrived = Counter(os.path.basename(name).rsplit(".", 1)[0].rsplit("-", 1)[0] for name in self.texts())
        for mail in self.relay.mails():
            arrived[mail.split(b"Message-ID: <", 1)[1].split(b"@", 1)[0].decode("ascii")] += 1
        told = Counter()
        for m in life.rows("SELECT id, kind, recipient, state, reason FROM message"):
            if m["id"] in life.sent_before:
                arrived.pop(m["id"], 0)
                continue
            told[m["kind"]] += m["state"] in ("accepted", "unknown")
            self.check_message(m, arrived.pop(m["id"], 0), attempts[m["id"]])
        for ident, count in arrived.items():
            self.fault(f"{ident}: arrived {count} times and is not held")
        if not all(told[kind] for kind in self.job.must_tell):
            self.fault(f"one of {self.job.must_tell} is missing: {dict(told)}")

    def texts(self):
        """The spool's files, each of which is whole at any time: somebody else may be reading."""
        names = glob.glob(os.path.join(self.life.state, "spool/texts/*.sms"))
        for name in names:
            if not is_whole(name):
                self.fault(f"{os.path.basename(name)} is not whole")
        return [name for name in names if is_whole(name)]

    def check_message(self, m, seen, outcomes):
        lost = outcomes.count("uncertain")
        most = 1 + lost if m["kind"] in MAY_REPEAT else 1
        what = f"{m['id']} {m['kind']} {m['state']} {m['reason']}: arrived {seen} times, attempts {outcomes}"
        if seen > most or (m["state"] == "accepted" and seen == 0) or (m["state"] != "accepted" and seen > 0 and not lost):
            self.fault(what)


def is_whole(name):
    """A text in the spool: a head, which names it, and something to read."""
    with open(name, encoding="utf-8") as file:
        head, _, body = file.read().partition("\n\n")
    return f"Reference: {os.path.basename(name)[:-4]}\n" in head + "\n" and len(body) > 20 and body.endswith(".")


def prepare(life):
    """A small service on the afternoon of its second day: a session that nobody came to, another one tomorrow."""
    life.fresh(None)
    if not life.begin_life():
        raise RuntimeError(life.said())
    for noun, ident, fields in PEOPLE:
        life.ctl(noun, "add", ident, *[w for name, value in fields.items() for w in (f"--{name}", value)])
    life.ctl("advocate", "link", "a1", "--participant", "P-1", "--case-ref", "HARBOUR-1")
    for participant in ("P-1", "P-2"):
        life.ctl("participant", "plan", participant)
    if not life.advance(CLOCK_BEFORE) or not life.quiet() or life.end_life() != 0:
        raise RuntimeError("the state cannot be prepared")
    life.accepted = life.kept()
    base = os.path.join(life.folder, "base")
    shutil.copytree(life.state, base)
    return base


def points_of(mode, job_class, lane):
    """The numbers of one lane, without an end."""
    if ONLY_AT:
        yield ONLY_AT
        return
    if lane == 0 and mode in LASTING:
        yield 1  # a start when all is lost already
    number = 1 + random.Random(f"{SEED} {mode} {job_class.__name__}").randrange(min(STRIDE, FIRST_MAX)) + lane * STRIDE
    while True:
        if number > 1 or mode not in LASTING:
            yield number
        number += LANES * STRIDE


def walk(life, relay, job_class, base, mode, lane):
    """One lane of a mode, until there is no such call. Returns the number that there was not, what was counted, and the faults."""
    counts, faults, number = Counter(), [], 0
    for number in points_of(mode, job_class, lane):
        point = Point(life, relay, job_class, base, mode, number)
        there, struck = point.run(), life.struck()
        where = open(life.note, encoding="ascii").read().split(" ", 1)[1].strip() if struck else "beyond"
        faults += [f"{mode} at {number} ({where}): {line}" for line in point.faults]
        if ONLY_AT:
            print(f"# {mode} at {number} ({where}), {point.how}; it said:\n# " + "\n# ".join(life.log_text().splitlines()))
        if not struck:
            break
        counts["points"] += there
        counts[point.how] += 1
    return number, counts, faults


JOBS = {"a day's work": Job, "the first start": FirstStart}


def work(tasks, results):
    """One worker: a folder, a relay and a daemon of its own."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and what it started ends with it
    folder = make_folder("cobid-mail-")
    relay = SmtpDouble(folder)
    life = Life("cobid-faults", relay.port)
    try:
        base = prepare(life)
        while (task := tasks.get()) is not None:
            name, mode, lane = task
            begun = time.monotonic()
            walked = walk(life, relay, JOBS[name], base if JOBS[name] is Job else None, mode, lane)
            results.put((name, mode, *walked, time.monotonic() - begun))
    except Exception:  # told by who started us: a worker that ends in silence would be waited for
        results.put((None, traceback.format_exc(), 0, Counter(), [], 0))
    finally:
        life.close()
        relay.close()
        shutil.rmtree(folder, ignore_errors=True)


class Tally:
    """What the lanes of one mode found."""

    def __init__(self):
        self.lanes, self.beyond, self.counts, self.faults, self.seconds = 0, 0, Counter(), [], 0.0

    def add(self, beyond, counts, faults, seconds):
        self.lanes += 1
        self.beyond = max(self.beyond, beyond)
        self.counts += counts
        self.faults += faults
        self.seconds += seconds

    def tell(self, checks, name, mode):
        how = ", ".join(f"{n} {h}" for h, n in sorted(self.counts.items()) if h != "points")
        faults = self.faults if self.counts["points"] else self.faults + ["nothing was struck"]
        checks.ok(f"{name}, {mode}: {self.counts['points']} points below {self.beyond} ({how})", not faults, "; ".join(faults[:8])[:4000])
        print(f"# {self.seconds:.1f} s of one worker, {len(faults)} faults", flush=True)


def next_of(results, workers):
    while True:
        try:
            return results.get(timeout=5)
        except queue.Empty:
            if any(worker.exitcode for worker in workers):
                raise RuntimeError("a worker died") from None


def main():
    start = time.monotonic()
    checks = Checks()
    if os.environ.get("COBID_INSTRUMENTED", "no") not in ("", "no", "0"):
        print("1..0 # SKIP a program with sanitizers takes no shim before it")
        return
    modes = [mode for mode in MODES if mode in os.environ.get("COBI_FAULT_MODES", ",".join(MODES)).split(",")]
    todo = [(name, mode, lane) for name in JOBS for mode in sorted(modes, key=lambda m: m not in LASTING) for lane in range(LANES)]
    print(f"# every {STRIDE}th point, SEED {SEED}, {WORKERS} workers; all of them: make check-faults COBI_FAULT_STRIDE=1", flush=True)
    tasks, results = multiprocessing.Queue(), multiprocessing.Queue()
    for task in todo + [None] * WORKERS:
        tasks.put(task)
    workers = [multiprocessing.Process(target=work, args=(tasks, results)) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    tallies = defaultdict(Tally)
    try:
        for _ in todo:
            name, mode, *found = next_of(results, workers)
            if name is None:
                raise RuntimeError(mode)
            tally = tallies[name, mode]
            tally.add(*found)
            if tally.lanes == LANES:
                tally.tell(checks, name, mode)
    except BaseException:
        for worker in workers:
            worker.terminate()
        raise
    finally:
        for worker in workers:
            worker.join()
    print(f"# {time.monotonic() - start:.1f} s")
    checks.finish()


if __name__ == "__main__":
    main()
