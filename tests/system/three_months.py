#!/usr/bin/env python3
"""Three months of a real service: 30 participants, 3 practitioners, 2 supervisors, 2 advocacy services, 12 sessions each, on a manual clock.

The real cobid and cobictl; texts go to an HTTP double, mails by SMTP into a Maildir, feeds are fetched and read by a parser of its own. Then every
message must be in exactly one disposition, none twice, none after its time, and the feeds' times the plan's. COBID_TEST_SEED repeats a run.
"""
import os
import random
import subprocess
import sys
import time
from collections import Counter

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "doubles"), os.path.join(HERE, "e2e")]


def use_the_system_python():
    """Debian's python3-aiosmtpd belongs to /usr/bin/python3, which need not be the first one."""
    system = "/usr/bin/python3"
    if os.environ.get("COBID_TEST_PYTHON") or os.path.realpath(sys.executable) == os.path.realpath(system) or not os.access(system, os.X_OK):
        return
    if subprocess.run([system, "-c", "import aiosmtpd, zoneinfo"], capture_output=True, check=False).returncode == 0:
        os.environ["COBID_TEST_PYTHON"] = system
        os.execv(system, [system, *sys.argv])


use_the_system_python()
from cast import Cast  # noqa: E402
from laws import LAWS, Laws  # noqa: E402
from mail_double import open_relay  # noqa: E402
from sms_double import SmsDouble  # noqa: E402
from story import Story  # noqa: E402
from tap import Checks  # noqa: E402
from world import World, make_folder  # noqa: E402

SEED = int(os.environ.get("COBID_TEST_SEED") or 20270121)
SHOWN_MAX = 6
STORY_LAWS = ("every participant gets a plan", "the clock goes where it is told", "feeds by HTTP: plain, gzip, 304, HEAD", "the feeds' times are the plan's",
              "an emailed link: looking changes nothing, the code acts once", "a stale link does nothing", "the daemon goes on",
              "a missing outcome is not resolved away")
# What a run must have met, or it has proved nothing.
MET = ("AFTA", "ATTC", "UAAB", "AFTC", "AAME", "moved after the reminder", "moved with cascade", "moved at night", "cancelled", "acknowledged by link", "acknowledged by cobictl",
       "participant pause", "participant resume", "participant withdraw", "texts in flight at kill -9", "mails in flight at kill -9", "feed events compared", "tasks done")


def say(checks, law, faults):
    checks.ok(law, not faults, f"{len(faults)} times: " + "; ".join(str(f) for f in faults[:SHOWN_MAX]))


def check_all(checks, story, world):
    for law in STORY_LAWS:
        say(checks, law, story.faults.pop(law, []))
    for law, faults in story.faults.items():
        say(checks, law, faults)
    say(checks, "the run met all that it is to prove", [name for name in MET if not story.counts[name]])
    laws = Laws(story)
    for law in LAWS:
        say(checks, " ".join(law.__doc__.split()), list(law(laws)))
    health = world.run("health")
    checks.ok("health is good at the end", health.returncode == 0, health.stdout + health.stderr)
    checks.equal("it stops in good order", world.stop(), 0)
    return laws


def main():
    start = time.monotonic()
    print(f"# seed {SEED}")
    checks, generator = Checks(), random.Random(SEED)
    folder = make_folder("cobid-mail-")
    texts = SmsDouble()
    box, port, relay, close_relay = open_relay(os.path.join(folder, "Maildir"))
    world = World("cobid-months", "2027-01-21 08:00", texts.url, port)
    texts.world = box.world = world
    try:
        world.start()
        story = Story(world, Cast(generator), box, texts, generator, checks)
        story.enter()
        story.run()
        story.finish()
        print(f"# told in {time.monotonic() - start:.1f} s: {world.commands} commands, {len(texts.texts)} texts, {len(box.mails)} mails by {relay}")
        laws = check_all(checks, story, world)
        for line in laws.summary():
            print("#", line)
        print("#", ", ".join(f"{name}: {count}" for name, count in sorted(Counter(story.counts).items())))
    finally:
        world.close()
        close_relay()
        texts.close()
        subprocess.run(["rm", "-rf", folder], check=False)
    print(f"# {time.monotonic() - start:.1f} s")
    checks.finish()


if __name__ == "__main__":
    main()
