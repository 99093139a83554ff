#!/usr/bin/env python3
"""What a real Kannel reports and passes on: delivered, failed, failed then delivered, cobid away meanwhile; and a STOP from a telephone.

Kannel's own retries carry what cobid could not take."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "parts"), os.path.join(HERE, "../system/doubles")]
from house import House  # noqa: E402
from kannel import Kannel  # noqa: E402
from process import HOST, close_folder, wait_until  # noqa: E402
from tap import Checks  # noqa: E402

SECRET = "s3cret-of-the-hook_000000000000000000000001"
DELIVERED, FAILED = 1, 2


def reminder(home, participant, number):
    session = home.session(participant, number)
    return next(m for m in home.messages(kind="reminder", recipient=participant, channel="sms") if m["session"] == session["id"] and m["state"] != "skipped")


def state_becomes(home, message, state):
    return wait_until(lambda: home.ctl("message", "show", message["id"])["state"] == state, seconds=20)


def parts_of(home, kannel, message):
    """The numbers of the message's parts at the carrier."""
    body = home.ctl("message", "show", message["id"])["body"]
    digits = home.ctl("message", "show", message["id"])["to"].lstrip("+")[-9:]
    wait_until(lambda: any(text == body for _, _, _, text in kannel.carrier.texts()))
    return [i + 1 for i, part in enumerate(kannel.carrier.parts) if part.to.endswith(digits)]


def reported(checks, home, kannel):
    home.go("2027-01-04 18:05")
    message = reminder(home, "P-1001", 1)
    last = parts_of(home, kannel, message)[-1]
    checks.equal("Kannel asks the carrier for a report", kannel.carrier.parts[last - 1].fields["mask"] != b"0", True)
    checks.ok("accepted, until the telephone has it", message["state"] == "accepted", message)
    kannel.carrier.report(last, DELIVERED)
    checks.ok("delivered", state_becomes(home, message, "delivered"), home.log()[-500:])


def failed(checks, home, kannel):
    home.go("2027-01-05 18:05")
    message = reminder(home, "P-1002", 1)
    for number in parts_of(home, kannel, message)[-3:]:
        kannel.carrier.report(number, FAILED)
    checks.ok("failed: undelivered", state_becomes(home, message, "undelivered"), home.ctl("message", "show", message["id"]))
    phone = [t["owner"] for t in home.ctl("task", "list") if (t["kind"], t["participant"], t["state"]) == ("phone", "P-1002", "open")]
    checks.equal("failed: somebody is asked to phone", phone, ["ada"])


def stopped(checks, home, kannel):
    """cobid is away when a telephone sends STOP: Kannel brings it again until cobid has it."""
    checks.equal("cobid ends in order", home.stop(), 0)
    kannel.carrier.send("447700900101", "Stop. Diolch")
    home.start()
    came = wait_until(lambda: home.ctl("participant", "show", "P-1001")["sms"] == "no", seconds=30)
    checks.ok("STOP: heard, though cobid was away", came, home.log()[-800:])
    told = [t["owner"] for t in home.ctl("task", "list") if t["kind"] == "no_texts"]
    checks.equal("STOP: the practitioner is told, once", told, ["ada"])


def other(checks, home, kannel):
    kannel.carrier.send("447700900102", "Alla i ddod am 11? Tŷ + £5")
    checks.ok("another text is a task",
              wait_until(lambda: [t for t in home.ctl("task", "list") if t["kind"] == "read_text"], seconds=20), home.log()[-800:])
    text = home.ctl("inbound", "list", "--participant", "P-1002")[0]
    checks.equal("its words have come through", home.ctl("inbound", "show", text["id"])["body"], "Alla i ddod am 11? Tŷ + £5")
    counted = home.ctl("gateway", "list")[0]["incoming"]["texts"]
    kannel.carrier.send("447700900199", "who are you")
    checks.ok("a stranger's is taken off Kannel's hands",
              wait_until(lambda: home.ctl("gateway", "list")[0]["incoming"]["texts_unknown"] == 1, seconds=20), counted)
    checks.equal("and makes no task", len([t for t in home.ctl("task", "list") if t["kind"] == "read_text"]), 1)
    checks.ok("no secret in the log", SECRET not in home.log())


def main():
    Kannel.need()
    checks = Checks()
    home = House("reports")
    kannel = Kannel(home.folder, f"http://{HOST}:{home.port}/hooks/texts/{SECRET}/inbound")
    try:
        kannel.start()
        home.text_by(kannel.url, hook=SECRET)
        home.start()
        home.add_cast()
        home.plan_all()
        for story in (reported, failed, stopped, other):
            story(checks, home, kannel)
        checks.equal("cobid ends in order", home.stop(), 0)
    finally:
        home.close()
        kannel.close()
        close_folder(home.folder)
    checks.finish()


if __name__ == "__main__":
    main()
