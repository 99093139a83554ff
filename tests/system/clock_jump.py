#!/usr/bin/env python3
"""The real daemon while its clock is set: reminders are held, what tells of a miss goes, a restart forgets nothing, and both a person and
the system's time synchronisation let go.

The machine's clock is left alone: tests/shim/clock_set.c, preloaded, shows the daemon another one. The daemon begins on a Monday in
January 2027 and is moved to the evening before a session while it is stopped, which is no jump.
"""
import datetime
import email
import email.policy
import glob
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "doubles"))
from tap import Checks  # noqa: E402

SOURCE = os.environ.get("top_srcdir", ".")
BUILD = os.environ.get("top_builddir", ".")
PATIENCE_S = 20
MONDAY = datetime.datetime(2027, 1, 4, 9, 0, tzinfo=datetime.timezone.utc)
DAY_S = 86400
CAST = """
office add O-1 --name|North House --address|2 Low Lane, Leeds --phone|0113 496 0000
supervisor add SV-1 --name|Una First --email|sv1@example.org
practitioner add PR-1 --name|Pat Practice --email|pr1@example.org --office O-1 --hours|Mon-Fri 09:00-17:00 --supervisor SV-1
participant add P-1 --programme cobi-12 --route sentence --practitioner PR-1 --office O-1 --name|Finn Person --mobile|07700 900001 --prefer|Tue 14:00
participant plan P-1
"""


class Host:
    def __init__(self, folder):
        self.folder = folder
        self.child = None
        self.config = os.path.join(folder, "cobid.conf")
        self.ahead = os.path.join(folder, "ahead")
        self.synchronised = os.path.join(folder, "synchronised")
        etc = os.path.abspath(os.path.join(SOURCE, "etc"))
        with open(os.path.join(SOURCE, "etc/demo.conf"), encoding="utf-8") as sample:
            lines = [line for line in sample if not line.startswith(("clock", "listen"))]
        text = "".join(lines).replace("@STATE@", os.path.join(folder, "state")).replace("@RUN@", folder).replace("@ETC@", etc)
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text + 'listen = "none";\nmiss_undo = "1s";\n')
        self.set_clock(MONDAY)

    def wall(self):
        """What the daemon's clock shows, in seconds."""
        with open(self.ahead, "rb") as file:
            return time.time() + struct.unpack("=q", file.read())[0] / 1e6

    def set_ahead(self, seconds):
        """In place: the daemon has the file mapped."""
        with open(self.ahead, "r+b" if os.path.exists(self.ahead) else "w+b") as file:
            file.write(struct.pack("=q", int(seconds * 1e6)))

    def set_clock(self, when):
        self.set_ahead(when.timestamp() - time.time())

    def step(self, seconds):
        self.set_ahead(self.wall() + seconds - time.time())

    def synchronise(self):
        """As systemd-timesyncd does when it has set the clock."""
        with open(self.synchronised, "ab"):
            pass
        os.utime(self.synchronised, (self.wall(), self.wall()))

    def start(self):
        env = {**os.environ, "LD_PRELOAD": os.path.join(BUILD, "tests/shim/clock_set.so"), "CLOCK_SHIM_FILE": self.ahead,
               "CLOCK_SHIM_SYNCHRONISED": self.synchronised, "ASAN_OPTIONS": "verify_asan_link_order=0"}
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.child = subprocess.Popen([os.path.join(BUILD, "cobid"), "-c", self.config], env=env, stderr=log, stdout=log)
        return self.wait(lambda: self.ask("clock", "show")[0] == 0)

    def end(self, signal_number=signal.SIGTERM):
        if self.child and self.child.poll() is None:
            self.child.send_signal(signal_number)
            self.child.wait(PATIENCE_S)

    def ask(self, *words):
        run = subprocess.run([os.path.join(BUILD, "cobictl"), "--socket", os.path.join(self.folder, "control.sock"), "--json", *words],
                             capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        return run.returncode, run.stdout + run.stderr

    def rows(self, *words):
        status, text = self.ask(*words)
        return json.loads(text) if status == 0 else []

    def trouble(self):
        status, text = self.ask("status")
        return json.loads(text).get("trouble") or "" if status == 0 else text

    def messages(self, kind, **wanted):
        return [m for m in self.rows("message", "list") if m["kind"] == kind and all(m[k] == v for k, v in wanted.items())]

    def texts(self):
        """What was really sent to telephones since the beginning."""
        return [open(name, encoding="utf-8").read() for name in glob.glob(os.path.join(self.folder, "state/spool/texts/*.sms"))]

    def mails(self, recipient, words):
        found = 0
        for name in glob.glob(os.path.join(self.folder, "state/spool/mail/*.eml")):
            with open(name, "rb") as file:
                mail = email.message_from_binary_file(file, policy=email.policy.default)
            found += recipient in mail["To"] and words in mail.get_content()
        return found

    def wait(self, true):
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if true():
                return True
            time.sleep(0.1)
        return False


def session(host, number):
    return next(s for s in host.rows("session", "list", "--participant", "P-1") if s["number"] == number)


def check_begin(checks, host):
    checks.ok("it starts", host.start())
    for line in CAST.strip().splitlines():
        words = [part for word in line.replace(" --", "\n--").split("\n") for part in
                 ([word.split("|")[0], word.split("|")[1]] if "|" in word else word.split())]
        status, text = host.ask(*words)
        if status != 0:
            checks.ok(line, False, text)
    second = session(host, 2)
    start = datetime.datetime.fromisoformat(second["start"].replace("Z", "+00:00"))
    host.end()
    eve = start.replace(hour=18, minute=0, second=0) - datetime.timedelta(days=1)
    host.set_clock(eve - datetime.timedelta(hours=3))
    checks.ok("stopped for a week, it starts again", host.start())
    checks.equal("and that was no jump", "clock" in host.trouble(), False)
    return eve


def check_forwards(checks, host):
    host.step(2 * DAY_S)
    checks.ok("two days forwards: health is red at once", host.wait(lambda: "clock jumped" in host.trouble()), host.trouble())
    checks.equal("cobictl health says so too", host.ask("health")[0], 1)
    checks.ok("the operator is told", host.wait(lambda: host.mails("operator@example.org", "set forwards by 2d") == 1))
    checks.equal("tomorrow's session has not begun", session(host, 2)["state"], "planned")
    first = session(host, 1)["id"]
    checks.equal("a miss is recorded", host.ask("session", "outcome", first, "AFTA", "--as", "PR-1")[0], 0)
    checks.ok("and told at once", host.wait(lambda: host.mails("sv1@example.org", "P-1") > 0))
    checks.ok("while the participant's text waits", host.wait(lambda: len(host.messages("missed_contact", state="held")) == 1),
              host.messages("missed_contact"))


def check_restart(checks, host, eve):
    host.end(signal.SIGKILL)
    sent = len(host.texts())
    host.set_clock(eve + datetime.timedelta(days=2, seconds=-4))
    checks.ok("killed, it starts by the wrong clock", host.start())
    checks.ok("and holds still", "clock jumped" in host.trouble(), host.trouble())
    checks.ok("at six of the true evening the reminder is held", host.wait(lambda: len(host.messages("reminder", state="held")) == 1),
              host.messages("reminder"))
    checks.equal("and no text has left", len(host.texts()), sent)


def check_synchronised(checks, host):
    sent = len(host.texts())
    host.step(-2 * DAY_S)
    checks.ok("set back: the operator is told again", host.wait(lambda: host.mails("operator@example.org", "set back by 2d") == 1))
    checks.equal("and still nothing leaves", (len(host.messages("reminder", state="held")), len(host.texts())), (1, sent))
    host.step(-1)
    host.synchronise()
    checks.ok("the system synchronises: the reminder leaves", host.wait(lambda: len(host.messages("reminder", state="accepted")) == 1),
              host.messages("reminder"))
    checks.ok("health is green", host.wait(lambda: "clock" not in host.trouble()), host.trouble())
    checks.equal("nothing is held", host.ask("release", "--held")[0], 1)


def check_person(checks, host):
    host.step(-3600)
    checks.ok("an hour back: held", host.wait(lambda: "clock jumped" in host.trouble()), host.trouble())
    checks.equal("a person lets go", host.ask("release", "--held")[0], 0)
    checks.ok("and health is green", host.wait(lambda: "clock" not in host.trouble()), host.trouble())
    checks.equal("nothing was sent twice", len(host.messages("reminder", state="accepted")), 1)
    host.end()
    host.set_clock(datetime.datetime(1970, 1, 1, 0, 0, 10, tzinfo=datetime.timezone.utc))
    checks.ok("it starts in 1970", host.start())
    checks.ok("and holds", "clock jumped" in host.trouble(), host.trouble())
    status, text = host.ask("release", "--held")
    checks.ok("which nobody can let go of", status == 1 and "set it right first" in text, text)
    host.end()


def main():
    checks = Checks()
    folder = tempfile.mkdtemp(prefix="cobid-clock-")
    host = Host(folder)
    try:
        eve = check_begin(checks, host)
        check_forwards(checks, host)
        check_restart(checks, host, eve)
        check_synchronised(checks, host)
        check_person(checks, host)
    finally:
        host.end(signal.SIGKILL)
        if checks.failed:
            with open(os.path.join(folder, "log"), encoding="utf-8") as file:
                print("".join(f"# {line}" for line in file.readlines()[-40:]))
        shutil.rmtree(folder)
    checks.finish()


if __name__ == "__main__":
    main()
