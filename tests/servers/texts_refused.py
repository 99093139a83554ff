#!/usr/bin/env python3
"""What a real Kannel may do instead of taking a text: it does not know our password, is stopped in the middle, or takes the text and never says so.

A reminder goes once or not at all; when nobody knows whether it went, a person phones.
"""
import collections
import os
import signal
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "parts"), os.path.join(HERE, "../system/doubles")]
from house import House  # noqa: E402
from kannel import PASSWORD, Kannel  # noqa: E402
from process import close_folder, wait_until  # noqa: E402
from tap import Checks  # noqa: E402

MORNING, NOON, EVENING = "2027-01-04 09:40", "2027-01-04 12:00", "2027-01-05 18:45"


def outcomes(home, message):
    return [(a["outcome"], a["detail"]) for a in home.ctl("message", "show", message["id"])["history"]]


def reminder(home):
    """The reminder of P-1002's first session, the next morning."""
    session = home.session("P-1002", 1)
    return next(m for m in home.messages(kind="reminder", recipient="P-1002", channel="sms") if m["session"] == session["id"] and m["state"] != "skipped")


def check_each_once(checks, name, home, carrier):
    accepted = collections.Counter((m["to"], m["body"]) for m in home.shown(channel="sms", state="accepted"))
    wait_until(lambda: len(carrier.texts()) >= accepted.total())
    checks.equal(f"{name}: what was accepted has arrived, each once, and nothing else",
                 collections.Counter((to, text) for to, _, _, text in carrier.texts()), accepted)
    checks.equal(f"{name}: the carrier understood every part", carrier.faults, [])


def check_down(checks, home, carrier, name, detail):
    texts = home.messages(channel="sms", state="queued")
    checks.equal(f"{name}: the texts wait", sorted(m["recipient"] for m in texts), ["P-1001", "P-1002"])
    checks.equal(f"{name}: the answer is kept", {outcome for m in texts for outcome in outcomes(home, m)}, {("gateway_down", detail)})
    gateway = next(g for g in home.ctl("gateway", "list") if g["name"] == "texts")
    lane = gateway["breaker"].get("participant", {"closed_until": ""})
    checks.ok(f"{name}: the breaker is open", lane["closed_until"] > home.ctl("clock", "show")["now"], gateway)
    health = home.run("health")
    checks.ok(f"{name}: health is red and says why", health.returncode == 1 and b"gateway texts" in health.stdout, health.stdout)
    alarms = [m for m in home.shown(kind="alarm") if '"texts"' in m["body"]]
    checks.ok(f"{name}: the operator is told", alarms and alarms[0]["state"] == "accepted", home.messages())
    checks.ok(f"{name}: mails go on", bool(home.messages(channel="email", kind="confirmation", state="accepted")))
    checks.equal(f"{name}: nothing has reached the carrier", carrier.parts, [])
    checks.ok(f"{name}: no password in the log", not any(word in home.log() for word in ("s3cret", "wr0ng")))


def check_recovered(checks, home, carrier, name):
    home.go(NOON)
    checks.equal(f"{name}: afterwards the texts are accepted", len(home.messages(channel="sms", state="accepted")), 2)
    checks.equal(f"{name}: healthy again", home.run("health").returncode, 0)
    check_each_once(checks, name, home, carrier)


def wrong_password(checks, home, kannel):
    home.set_password("kannel-password", "wr0ng")
    home.go(MORNING)
    check_down(checks, home, kannel.carrier, "wrong password", "HTTP 403")
    home.set_password("kannel-password", PASSWORD)
    check_recovered(checks, home, kannel.carrier, "wrong password")


def stopped_at_first(checks, home, kannel):
    kannel.smsbox.stop()
    home.go(MORNING)
    check_down(checks, home, kannel.carrier, "stopped", "no connection (7)")
    kannel.smsbox.start(kannel.sendsms)
    check_recovered(checks, home, kannel.carrier, "stopped")


def stopped_in_the_middle(checks, home, kannel):
    home.go(NOON)
    before = len(kannel.carrier.texts())
    kannel.smsbox.stop()
    home.go(EVENING)
    waiting = reminder(home)
    checks.equal("in the middle: the reminder waits", waiting["state"], "queued")
    checks.ok("in the middle: it was tried more than once", waiting["attempts"] >= 2, waiting)
    checks.equal("in the middle: nothing more has reached the carrier", len(kannel.carrier.texts()), before)
    kannel.smsbox.start(kannel.sendsms)
    home.go("2027-01-05 19:30")
    later = reminder(home)
    checks.equal("in the middle: later it is accepted", (later["id"], later["state"]), (waiting["id"], "accepted"))
    check_each_once(checks, "in the middle", home, kannel.carrier)


def never_said(checks, home, kannel):
    """smsbox is frozen: its socket takes the request, no answer comes; thawed, it does what it was asked."""
    home.go(NOON)
    before = len(kannel.carrier.texts())
    kannel.smsbox.signal(signal.SIGSTOP)
    home.go(EVENING)
    lost = reminder(home)
    checks.equal("no answer: nobody knows, and cobid says so", (lost["state"], lost["reason"], lost["attempts"]), ("unknown", "answer_lost", 1))
    checks.equal("no answer: what was seen is kept", outcomes(home, lost), [("uncertain", "timeout after sending (28)")])
    phone = [(t["owner"], t["state"]) for t in home.ctl("task", "list") if (t["kind"], t["participant"]) == ("phone", "P-1002")]
    checks.equal("no answer: somebody is asked to phone", phone, [("ada", "open")])
    kannel.smsbox.signal(signal.SIGCONT)
    home.go("2027-01-06 09:59")
    shown = home.ctl("message", "show", lost["id"])
    wait_until(lambda: len(kannel.carrier.texts()) > before, seconds=5)
    arrived = [text for to, _, _, text in kannel.carrier.texts() if text == shown["body"]]
    checks.ok("no answer: the reminder has not gone twice", len(arrived) <= 1, arrived)
    checks.equal("no answer: the row is left alone", (shown["state"], shown["attempts"]), ("unknown", 1))


def main():
    Kannel.need()
    checks = Checks()
    for story, timeout in ((wrong_password, "10s"), (stopped_at_first, "10s"), (stopped_in_the_middle, "10s"), (never_said, "2s")):
        home = House("texts")
        kannel = Kannel(home.folder)
        try:
            kannel.start()
            home.text_by(kannel.url, timeout)
            home.start()
            home.add_cast()
            home.plan_all()
            story(checks, home, kannel)
            checks.equal(f"{story.__name__}: cobid ends in order", home.stop(), 0)
        finally:
            home.close()
            kannel.close()
            close_folder(home.folder)
    checks.finish()


if __name__ == "__main__":
    main()
