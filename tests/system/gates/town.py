"""A world for the gates: the real daemon between gateways that keep every byte, commanded over one connection to its control socket."""
import json
import os
import time
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from feed_reader import fetch
from world import Refused, Wire, World, instant

LONDON = ZoneInfo("Europe/London")
PATIENCE_S = 60


class Town(World):
    """texts, mails: gateways of gateways.py, or None for spools. Names are those of cobictl: tell("session", "outcome", ID, "AFTA", as_="jl")."""

    def __init__(self, name, clock_start, texts=None, mails=None, public_url=None, gateways=None):
        self.more = ""
        super().__init__(name, clock_start, texts and texts.url, mails and mails.port)
        self.wire, self.doubles = Wire(self.socket), [d for d in (texts, mails) if d]
        for double in self.doubles:
            double.world = self
        if public_url:
            self.url = public_url
        if gateways:
            self.gateways = gateways
        self.write_config(self.more)

    def tell(self, noun, verb, *arguments, **options):
        """Gives a command that must be taken; returns its document."""
        status, document = self.ask(noun, verb, *arguments, **options)
        if status != 200:
            raise Refused(f"{noun} {verb} {' '.join(arguments)}: {status} {document.get('error')}")
        return document

    def may(self, noun, verb, *arguments, **options):
        """The document, or None where it is refused or not known."""
        status, document = self.ask(noun, verb, *arguments, **options)
        return document if status == 200 else None

    def ask(self, noun, verb, *arguments, **options):
        body = {k.rstrip("_").replace("_", "-"): v for k, v in options.items()}
        body.update(zip(("id", "id2"), arguments))
        self.commands += 1
        status, answer = self.wire.post(f"/{noun}/{verb}" if noun else f"/{verb}", json.dumps(body).encode())
        return status, json.loads(answer)

    def send_clock(self, local):
        self.tell("clock", "set", local)

    def wait_clock(self, local):
        wanted = datetime.fromisoformat(local).replace(tzinfo=LONDON)
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            shown = self.call("/clock/show")
            if shown and instant(shown["now"]) >= wanted and not shown["advancing"]:
                return
            time.sleep(0.004)
        raise RuntimeError(f"the clock does not reach {local}: {self.log_text()[-500:]}")

    def go(self, local):
        self.send_clock(local)
        self.wait_clock(local)

    def local(self):
        return self.now().astimezone(LONDON)

    def go_after(self, span):
        self.go((self.local() + span).strftime("%Y-%m-%d %H:%M"))

    def kill(self):
        self.wire.close()
        super().kill()

    def close(self):
        self.wire.close()
        super().close()
        for double in self.doubles:
            double.close()

    # ---- sessions ----

    def sessions(self, participant):
        return sorted(self.tell("session", "list", participant=participant), key=lambda s: (s["number"], s["attempt"]))

    def session(self, participant, number, attempt=1):
        return next(s for s in self.sessions(participant) if (s["number"], s["attempt"]) == (number, attempt))

    def go_to_session(self, session, minutes):
        """To so many minutes after its start, if that is still to come."""
        at = datetime.fromisoformat(session["local"]) + timedelta(minutes=minutes)
        if self.local() < at.replace(tzinfo=LONDON):
            self.go(at.strftime("%Y-%m-%d %H:%M"))

    # ---- the public door ----

    def get(self, url, method="GET", **headers):
        """Whatever name the public URL has, it is this daemon that is asked. Returns (status, headers, body)."""
        return fetch(f"http://127.0.0.1:{self.port}{urlsplit(url).path}", method, **headers)

    def key_file(self):
        return next(os.path.join(self.state, n) for n in os.listdir(self.state) if "key" in n)
