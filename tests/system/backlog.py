#!/usr/bin/env python3
"""Two days of messages are overdue when the daemon starts: what is too late never leaves, what is urgent leaves first, nothing leaves twice.

The small portion of `make bench-scale` that looks at what happened and at no clock.
"""
import os
import statistics
import sys
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, "bench"))
sys.path.insert(0, os.path.join(TESTS, "system", "doubles"))
from scale import Trial, wait_until_drained  # noqa: E402
from tap import Checks  # noqa: E402

EXPIRED, REMINDERS, ESCALATIONS = 2000, 300, 60
QUEUED = "created_us<strftime('%s','now','-1 hour')*1000000"  # what waited before the start


def one(trial, sql):
    return trial.query(sql)[0][0]


def check_rows(checks, trial):
    checks.equal("what was too late has expired, with its reason",
                 one(trial, "SELECT count(*) FROM message WHERE state='expired' AND reason='too_late'"), EXPIRED)
    checks.equal("nothing of it had an attempt",
                 one(trial, "SELECT count(*) FROM attempt a JOIN message m ON m.id=a.message WHERE m.state='expired'"), 0)
    checks.equal("every reminder that is of use went",
                 one(trial, f"SELECT count(*) FROM message WHERE kind='reminder' AND {QUEUED} AND state='accepted'"), REMINDERS)
    checks.equal("every escalation went",
                 one(trial, f"SELECT count(*) FROM message WHERE audience IN('supervisor','advocate') AND {QUEUED} AND state='accepted'"), ESCALATIONS)
    checks.equal("each message that waited is at an end", one(trial, f"SELECT count(*) FROM message WHERE {QUEUED} AND wake_us IS NOT NULL"), 0)
    checks.equal("nothing was set aside", one(trial, "SELECT count(*) FROM message WHERE quarantined<>0"), 0)
    checks.equal("the operator got no mail for each", one(trial, "SELECT count(*)<20 FROM message WHERE kind='alarm'"), 1)


def check_order(checks, trial):
    begun = ("SELECT {} FROM attempt a JOIN message m ON m.id=a.message WHERE m.{} AND m." + QUEUED)
    last = one(trial, begun.format("max(a.begun_us)", "priority=1"))
    first = one(trial, begun.format("min(a.begun_us)", "kind='reminder'"))
    checks.ok("no reminder was begun before the last escalation", last <= first, f"{last} {first}")


def check_gateway(checks, trial):
    notes = [message for _, message, _ in trial.gateway.notes()]
    checks.equal("nothing arrived twice", len(notes), len(set(notes)))
    expired = {row[0] for row in trial.query("SELECT id FROM message WHERE state='expired'")}
    checks.equal("nothing that expired arrived", len(expired & set(notes)), 0)
    accepted = {row[0] for row in trial.query("SELECT id FROM message WHERE state='accepted'")}
    checks.equal("what arrived is what was accepted", accepted ^ set(notes), set())
    urgent = {row[0] for row in trial.query(f"SELECT id FROM message WHERE priority=1 AND {QUEUED}")}
    reminders = {row[0] for row in trial.query(f"SELECT id FROM message WHERE kind='reminder' AND {QUEUED}")}
    middle = [statistics.median(i for i, message in enumerate(notes) if message in group) for group in (urgent, reminders)]
    checks.ok("escalations arrived before reminders", middle[0] < middle[1], str(middle))


def main():
    checks, trial = Checks(), Trial(flight=64)
    try:
        trial.make(participants=500, sessions=12, begun=3, expired=EXPIRED, reminders=REMINDERS, escalations=ESCALATIONS)
        trial.start()
        wait_until_drained(trial)
        trial.stop()
        time.sleep(0.7)  # the gateway writes its notes down twice a second
        check_rows(checks, trial)
        check_order(checks, trial)
        check_gateway(checks, trial)
    finally:
        trial.close()
    checks.finish()


if __name__ == "__main__":
    main()
