#!/usr/bin/env python3
"""What a real relay may say instead of yes: exim4 knows no such mailbox, asks to come again, does not know our password, shows another
authority's certificate, is not there. Somebody always learns of it, and nothing is lost or sent twice.
"""
import collections
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "parts"), os.path.join(HERE, "../system/doubles")]
import house  # noqa: E402
from exim import PASSWORD, Exim, make_certificates  # noqa: E402
from house import House  # noqa: E402
from process import close_folder, wait_until  # noqa: E402
from tap import Checks  # noqa: E402


def arrived(exim, address, count=1):
    """The mails to an address, as soon as there are so many."""
    wait_until(lambda: len([m for m in exim.mails() if m.to == address]) >= count, seconds=10)
    return [m for m in exim.mails() if m.to == address]


def outcomes(home, message):
    return [(a["outcome"], a["detail"]) for a in home.ctl("message", "show", message["id"])["history"]]


def only(rows):
    if len(rows) != 1:
        raise RuntimeError(f"one row was expected: {rows}")
    return rows[0]


def check_each_once(checks, home, exim):
    accepted = collections.Counter(f"<{m['id']}@appointments.example>" for m in home.messages(channel="email", state="accepted"))
    wait_until(lambda: len(exim.mails()) >= len(accepted))
    checks.equal("what was accepted has arrived, each once, and nothing else", collections.Counter(m.id for m in exim.mails()), accepted)
    checks.ok("no bounce", " <= <> " not in exim.log())


# ---- 550 5.1.1 ----

def check_unknown(checks, home, exim):
    home.add_cast(**{"lead": "nobody.lead@service.example", "chief": "greylisted.chief@service.example", "haven": "nobody.haven@haven.example",
                     "P-1003": "nobody.jo@home.example"})
    home.plan_all()
    home.go("2027-01-04 12:00")
    notice = only(home.messages(recipient="haven"))
    checks.equal("550 5.1.1: the notice has failed", (notice["state"], notice["reason"], notice["attempts"]), ("failed", "refused_recipient", 1))
    checks.equal("and the answer is kept", outcomes(home, notice), [("refused_recipient", "550 5.1.1")])
    alarm = next((m for m in arrived(exim, house.OPERATOR) if notice["id"] in m.text), None)
    checks.ok("the operator has a mail about it", alarm is not None)
    checks.ok("which names no person or address", alarm is not None and not any(w in alarm.text for w in ("Haven", "Vera", "@haven", "nobody.")))
    checks.equal("the other service has its notice", len(arrived(exim, "team@beacon.example")), 1)
    confirmation = only([m for m in home.messages(recipient="P-1003", kind="confirmation")])
    checks.equal("the participant's confirmation has failed", (confirmation["state"], confirmation["reason"]), ("failed", "refused_recipient"))
    phone = [(t["owner"], t["state"]) for t in home.ctl("task", "list") if (t["kind"], t["participant"]) == ("phone", "P-1003")]
    checks.ok("somebody is asked to phone", ("ada", "open") in phone, home.ctl("task", "list"))
    return notice


def about(participant, messages):
    """The other participant, whom nobody could reach, has an escalation too."""
    return [m for m in messages if participant in m["subject"]]


def check_chain_passes(checks, home, exim):
    home.miss("P-1001", 1)
    home.go("2027-01-05 14:26")
    to_lead = only(about("P-1001", home.messages(kind="escalation", recipient="lead")))
    checks.equal("lead has no such mailbox", (to_lead["state"], to_lead["reason"]), ("failed", "refused_recipient"))
    checks.ok("the operator has a mail about it", any(to_lead["id"] in m.text for m in arrived(exim, house.OPERATOR, 2)))
    to_chief = only(about("P-1001", home.messages(kind="escalation", recipient="chief")))
    checks.equal("the chain passed on to chief at once", to_chief["due"], to_lead["due"])
    calls = [t["owner"] for t in home.ctl("task", "list") if t["kind"] == "call_advocate" and t["state"] == "open"]
    checks.ok("Haven cannot be told, so a supervisor is to call", "lead" in calls, home.ctl("task", "list"))
    checks.ok("Beacon was told as if nothing were wrong", any("/ack/" in m.text for m in arrived(exim, "team@beacon.example", 2)))
    return to_chief


def check_greylisted(checks, home, exim, first):
    home.go("2027-01-05 14:40")
    waiting = home.ctl("message", "show", first["id"])
    checks.equal("451: chief's mail waits", waiting["state"], "queued")
    checks.ok("it was tried again and again", waiting["attempts"] >= 3 and set(outcomes(home, waiting)) == {("transient", "451 4.7.1")}, outcomes(home, waiting))
    checks.equal("nothing has arrived", [m.to for m in exim.mails() if m.to.startswith("greylisted")], [])
    said = home.run("health").stdout.decode()
    checks.ok("one recipient's trouble is not the relay's", "gateway" not in said, said)
    exim.let_pass()
    home.go("2027-01-05 15:30")
    passed = home.ctl("message", "show", first["id"])
    checks.equal("later it is accepted", (passed["state"], outcomes(home, passed)[-1][0]), ("accepted", "accepted"))
    checks.equal("and has arrived once, as the same mail", [m.id for m in arrived(exim, first["to"] or "") if m.id == f"<{first['id']}@appointments.example>"],
                 [f"<{first['id']}@appointments.example>"])


def check_corrected(checks, home, exim, notice):
    home.ctl("advocate", "set", "haven", "--email", "cases@haven.example")
    again = home.ctl("message", "retry", notice["id"])
    home.go("2027-01-05 15:31")
    checks.ok("with the address corrected and a retry by hand it arrives", len(arrived(exim, "cases@haven.example")) >= 1, again)
    checks.equal("the old row keeps its end", home.ctl("message", "show", notice["id"])["state"], "failed")


def refuse_recipients(checks, exim):
    home = House("refused")
    home.mail_by(exim.port, exim.ca)
    try:
        home.start()
        notice = check_unknown(checks, home, exim)
        first = home.ctl("message", "show", check_chain_passes(checks, home, exim)["id"])
        check_greylisted(checks, home, exim, first)
        check_corrected(checks, home, exim, notice)
        check_each_once(checks, home, exim)
        checks.equal("cobid ends in order", home.stop(), 0)
    finally:
        home.close()
        close_folder(home.folder)


# ---- the relay itself ----

def check_down(checks, home, name, detail):
    """Nothing has left, everybody can see it; nothing has been given up."""
    messages = home.messages(channel="email", state="queued")
    checks.ok(f"{name}: mails wait", len(messages) >= 2, home.messages(channel="email"))
    seen = {outcome for m in messages for outcome in outcomes(home, m)}
    checks.equal(f"{name}: the answer is kept", seen, {("gateway_down", detail)})
    gateway = only([g for g in home.ctl("gateway", "list") if g["name"] == "mail"])
    lanes = gateway["breaker"].values()
    checks.ok(f"{name}: the breaker is open", any(lane["closed_until"] > home.ctl("clock", "show")["now"] for lane in lanes), gateway)
    health = home.run("health")
    checks.ok(f"{name}: health is red and says why", health.returncode == 1 and b"gateway mail" in health.stdout, health.stdout)
    checks.ok(f"{name}: an alarm to the operator is written", len(home.messages(kind="alarm")) >= 1, home.messages())
    checks.equal(f"{name}: nobody had to give up", home.messages(channel="email", state="failed"), [])


def check_recovered(checks, home, exim, name, until):
    home.go(until)
    checks.equal(f"{name}: afterwards all is accepted", home.messages(channel="email", state="queued"), [])
    checks.equal(f"{name}: healthy again", home.run("health").returncode, 0)
    checks.ok(f"{name}: the operator has the alarm", any("gateway" in m.text for m in arrived(exim, house.OPERATOR)))
    check_each_once(checks, home, exim)


def break_relay(checks, name, detail, damage, repair):
    home = House("relay")
    exim = Exim(home.folder)
    try:
        exim.start()
        home.mail_by(exim.port, exim.ca)
        damage(home, exim)
        home.start()
        home.add_cast()
        home.plan_all()
        home.go("2027-01-04 09:40")
        check_down(checks, home, name, detail)
        checks.equal(f"{name}: nothing has left", exim.mails(), [])
        checks.ok(f"{name}: no password in the log", not any(word in home.log() for word in ("s3cret", "wr0ng")))
        repair(home, exim)
        check_recovered(checks, home, exim, name, "2027-01-04 12:00")
    finally:
        home.close()
        exim.close()
        close_folder(home.folder)


def replace_ca(home, exim):
    """An authority that exim's certificate does not come from."""
    other = os.path.join(home.folder, "other")
    os.makedirs(other)
    os.rename(exim.ca, exim.ca + ".kept")
    os.rename(make_certificates(other, other), exim.ca)


def restore_ca(_home, exim):
    os.rename(exim.ca + ".kept", exim.ca)


TROUBLES = (
    ("wrong password", "535", lambda home, exim: home.set_password("exim-password", "wr0ng"), lambda home, exim: home.set_password("exim-password", PASSWORD)),
    ("other authority", "TLS certificate refused (60)", replace_ca, restore_ca),
    ("relay stopped", "no connection (7)", lambda home, exim: exim.close(), lambda home, exim: exim.start()),
)


def main():
    Exim.need()
    checks = Checks()
    relay = House("exim")
    exim = Exim(relay.folder)
    try:
        exim.start()
        refuse_recipients(checks, exim)
    finally:
        exim.close()
        close_folder(relay.folder)
    for trouble in TROUBLES:
        break_relay(checks, *trouble)
    checks.finish()


if __name__ == "__main__":
    main()
