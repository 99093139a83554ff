"""A small service in the middle of its work: something in every state, so that every command has something to refuse."""
from datetime import datetime
from zoneinfo import ZoneInfo

from world import DONE_BY_COMMAND, instant

LONDON = ZoneInfo("Europe/London")
NOW = "2027-02-10 15:00"


class Scene:
    """Ids by what they stand for, in self.id; the world's clock stands at NOW."""

    def __init__(self, world):
        self.world, self.id = world, {}
        self.people()
        self.time()
        self.look()

    def people(self):
        ctl = self.world.ctl
        ctl("office", "add", "o1", "--name", "High Street office", "--address", "1 High Street, Reading", "--phone", "0118 496 0001", "--rooms", "2")
        ctl("supervisor", "add", "s2", "--name", "Sue Two", "--email", "s2@service.example")
        ctl("supervisor", "add", "s1", "--name", "Sue One", "--email", "s1@service.example", "--next", "s2", "--mobile", "07700 900201")
        for p in ("p1", "p2"):
            ctl("practitioner", "add", p, "--name", f"Pat {p}", "--email", f"{p}@service.example", "--mobile", f"07700 90021{p[1]}", "--office", "o1", "--hours",
                "Mon-Fri 09:00-17:00", "--supervisor", "s1")
        ctl("officer", "add", "f1", "--name", "Fay One", "--email", "f1@police.example", "--organisation", "Police", "--phone", "07911 123450")
        for a in ("a1", "a2"):
            ctl("advocate", "add", a, "--service", "Harbour", "--name", f"Ada {a}", "--email", f"{a}@support.example", "--phone", f"07911 12345{a[1]}")
        for n, more in enumerate((["--mobile", "07700 900101"], ["--email", "p2@mail.example"], ["--mobile", "07700 900103"], ["--mobile", "07700 900104"],
                                  ["--mobile", "07700 900105", "--mode", "phone"], ["--mobile", "07700 900106", "--order-ends", "2027-04-30"])):
            ctl("participant", "add", f"P-{n + 1}", "--programme", "cobi-12", "--route", "licence", "--practitioner", "p2" if n == 4 else "p1", "--office", "o1",
                "--name", f"Ann Alder{n + 1}", "--officer", "f1", "--start", "2027-01-25", *more)
        ctl("advocate", "link", "a1", "--participant", "P-1", "--case-ref", "HARBOUR-1")
        for p in ("P-1", "P-3", "P-4", "P-5", "P-6"):
            ctl("participant", "plan", p)

    def own(self, participant):
        return sorted((s for s in self.world.ctl("session", "list", "--participant", participant)), key=lambda s: s["start"])

    def time(self):
        """P-1: attended, missed, awaiting or planned; P-3 paused; P-4 withdrawn; P-5 on the phone."""
        ctl, one = self.world.ctl, self.own("P-1")
        self.after(one[0])
        ctl("session", "outcome", one[0]["id"], "ATTC", "--as", "p1")
        ctl("session", "outcome", self.own("P-5")[0]["id"], "ATTC", "--as", "p2")
        ctl("participant", "pause", "P-3", "--because", "health")
        ctl("participant", "withdraw", "P-4", "--because", "moved")
        self.after(one[1])
        ctl("session", "outcome", one[1]["id"], "AFTA", "--as", "p1")
        ctl("clock", "advance", "10m")
        self.id["chain_resolved"] = next(x["id"] for x in ctl("escalation", "list") if x["audience"] == "advocate")
        ctl("escalation", "ack", self.id["chain_resolved"], "--as", "a1")
        ctl("session", "cancel", one[8]["id"], "--by", "service")
        ctl("clock", "set", NOW)
        self.id["done"] = next(t["id"] for t in ctl("task", "list") if t["kind"] not in DONE_BY_COMMAND)
        ctl("task", "done", self.id["done"], "--as", "p1")
        self.id["revoked"] = ctl("feed", "create", "--practitioner", "p1")["id"]
        ctl("feed", "revoke", self.id["revoked"])
        self.id["feed"] = ctl("feed", "create", "--office", "o1")["id"]

    def after(self, session):
        end = datetime.fromisoformat(session["local"]).replace(hour=18, minute=30)
        if instant(self.world.ctl("clock", "show")["now"]) < end.replace(tzinfo=LONDON):
            self.world.ctl("clock", "set", end.strftime("%Y-%m-%d %H:%M"))

    def look(self):
        ctl, one = self.world.ctl, self.own("P-1")
        planned = [s for s in one if s["state"] == "planned"]
        six = [s for s in self.own("P-6") if s["state"] == "planned"]
        self.id.update(last_of_order=six[-1]["id"], taken=six[1]["local"].replace("T", " "), attended=one[0]["id"], missed=one[1]["id"], planned=planned[1]["id"], next=planned[2]["id"],
                       cancelled=next(s["id"] for s in one if s["state"] == "cancelled"),
                       phone=next(s["id"] for s in self.own("P-5") if s["state"] == "awaiting_outcome"))
        self.sessions = {s["id"]: s for s in ctl("session", "list")}
        self.id["chain"] = next(x["id"] for x in ctl("escalation", "list", "--open") if x["audience"] == "supervisor" and x["session"] == self.id["missed"])
        self.id["task"] = next(t["id"] for t in ctl("task", "list") if t["state"] == "open" and t["kind"] not in DONE_BY_COMMAND)
        messages = ctl("message", "list")
        self.id["accepted"] = next(m["id"] for m in messages if m["state"] == "accepted")
        self.messages = messages
