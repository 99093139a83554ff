#!/usr/bin/env python3
"""Receipts and inbound texts over HTTP into the real daemon: one that comes before the gateway's own answer, repeats, strangers, too much, a locked database.

The gateway is a double: it answers cobid's POST and calls cobid's hooks as its story wants."""
import datetime
import hashlib
import hmac
import http.client
import http.server
import json
import os
import sqlite3
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "doubles"), os.path.join(HERE, "../servers/parts")]
from house import House  # noqa: E402
from process import HOST, close_folder  # noqa: E402
from tap import Checks  # noqa: E402

SECRET = "s3cret-of-the-hook_000000000000000000000001"
KEY = "k3y-of-the-signature"
NUMBER = "+447700900101"
GATEWAY = ('{{ name = "texts"; type = "http"; channel = "sms"; url = "http://{host}:{port}/send"; body = "json"; id_pointer = "/id";'
           ' hook_credential = "hook"; signature_credential = "key"; }}')


class Gateway:
    """Takes texts; says what became of them before it answers, or when it is told."""

    def __init__(self, home):
        self.home, self.early, self.texts, self.early_statuses = home, None, [], []
        self.server = http.server.ThreadingHTTPServer((HOST, 0), self.handler())
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def handler(self):
        gateway = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                text = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                gateway.texts.append(text)
                if gateway.early:
                    gateway.early_statuses.append(gateway.report(text["reference"], gateway.early))
                answer = json.dumps({"id": f"gw-{len(gateway.texts)}"}).encode()
                self.send_response(201)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        return Handler

    def post(self, kind, body, secret=SECRET, signature=None, name="texts"):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        signature = hmac.new(KEY.encode(), raw, hashlib.sha256).hexdigest() if signature is None else signature
        connection = http.client.HTTPConnection(HOST, self.home.port, timeout=30)
        try:
            connection.request("POST", f"/hooks/{name}/{secret}/{kind}", raw, {"Content-Type": "application/json", "X-Signature": signature})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def report(self, reference, status, **more):
        return self.post("receipt", {"reference": reference, "status": status, **more})[0]

    def text(self, words, event, number=NUMBER):
        return self.post("inbound", {"from": number, "text": words, "id": event})

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def reminder(home, number):
    session = home.session("P-1001", number)
    return next(m for m in home.messages(kind="reminder", recipient="P-1001", channel="sms") if m["session"] == session["id"] and m["state"] != "skipped")


def mails(home, number):
    session = home.session("P-1001", number)
    return home.messages(kind="reminder", recipient="P-1001", channel="email", session=session["id"])


def evening_before(home, number):
    day = datetime.date.fromisoformat(home.session("P-1001", number)["local"][:10])
    home.go(f"{day - datetime.timedelta(days=1)} 18:05")


def receipts(checks, home, gateway):
    gateway.early = "delivered"
    evening_before(home, 2)
    checks.equal("a receipt before the answer is taken", gateway.early_statuses[-1], 200)
    checks.equal("... and settles the message", reminder(home, 2)["state"], "delivered")
    reference = gateway.texts[-1]["reference"]
    for status in ("failed", "delivered", "sending", "failed"):
        checks.equal(f"repeated or late, {status}: 200", gateway.report(reference, status), 200)
    checks.equal("delivered stays delivered", reminder(home, 2)["state"], "delivered")
    checks.equal("nothing went another way", mails(home, 2), [])
    gateway.early = None
    home.record("P-1001", 2, "ATTC")
    evening_before(home, 3)
    late = reminder(home, 3)
    checks.equal("without a receipt it is accepted", late["state"], "accepted")
    checks.equal("by the gateway's own id", gateway.post("receipt", {"id": f"gw-{len(gateway.texts)}", "status": "FAILED"})[0], 200)
    home.go(home.ctl("clock", "show")["local"][:16].replace("T", " ")[:-2] + "20")
    checks.equal("a failure later", reminder(home, 3)["state"], "undelivered")
    checks.equal("... goes by mail, once", [m["state"] for m in mails(home, 3)], ["accepted"])
    checks.equal("what is nobody's is 200 too", gateway.report("M-NOBODYS-1", "failed"), 200)


def strangers(checks, home, gateway):
    before = home.ctl("gateway", "list")[0]["incoming"]
    unknown = gateway.post("receipt", {}, name="nobody")
    body = {"reference": gateway.texts[-1]["reference"], "status": "delivered"}
    tries = {
        "a wrong secret": gateway.post("receipt", body, secret=SECRET[:-1] + "2"),
        "half a secret": gateway.post("receipt", body, secret=SECRET[:20]),
        "a wrong signature": gateway.post("receipt", body, signature="0" * 64),
        "no signature": gateway.post("receipt", body, signature=""),
        "another kind": gateway.post("other", body),
        "a gateway without hooks": gateway.post("receipt", body, name="mail"),
    }
    checks.equal("an unknown gateway: 404", unknown[0], 404)
    for what, answer in tries.items():
        checks.equal(f"{what}: the same 404", answer, unknown)
    checks.equal("16 KiB are read", gateway.post("receipt", b"x" * 16384)[0], 400)
    checks.equal("a megabyte is not", big(gateway), 413)
    checks.equal("none of it was counted as a receipt", home.ctl("gateway", "list")[0]["incoming"], before)


def big(gateway):
    try:
        return gateway.post("receipt", b"x" * (1 << 20))[0]
    except (BrokenPipeError, ConnectionResetError):
        return 413  # closed while we still wrote


def locked(checks, home, gateway):
    """Another process holds the database: 503, and later the same receipt is taken."""
    home.record("P-1001", 3, "ATTC")
    evening_before(home, 4)
    reference = gateway.texts[-1]["reference"]
    other = sqlite3.connect(os.path.join(home.folder, "state", "cobid.db"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    begun = time.monotonic()
    checks.equal("locked: a receipt is 503", gateway.report(reference, "delivered"), 503)
    checks.equal("locked: a text is 503", gateway.text("Stop", "k-0")[0], 503)
    checks.ok("locked: within the five seconds that gateways wait", time.monotonic() - begun < 10, time.monotonic() - begun)
    other.execute("ROLLBACK")
    other.close()
    checks.equal("free again: it is taken", gateway.report(reference, "delivered"), 200)
    checks.equal("... and holds", reminder(home, 4)["state"], "delivered")
    checks.equal("the text was not kept", home.ctl("inbound", "list", "--participant", "P-1001"), [])


def inbound(checks, home, gateway):
    def tasks(kind):
        return [t for t in home.ctl("task", "list") if t["kind"] == kind and t["participant"] == "P-1001"]

    known = gateway.text("I was there, honestly", "k-1")
    checks.equal("a text is taken", known[0], 200)
    checks.equal("a stranger's number gets the same", gateway.text("hello", "k-2", "+447700900199"), known)
    checks.equal("no outcome comes of it", home.session("P-1001", 4)["outcome"], None)
    gateway.text("I was there, honestly", "k-1")
    checks.equal("it is a task, once", len(tasks("read_text")), 1)
    shown = home.ctl("inbound", "show", tasks("read_text")[0]["about"])
    checks.equal("its words are there to read", (shown["body"], shown["taken"]), ("I was there, honestly", "other"))
    checks.equal("STOP is taken", gateway.text("Stop. Thank you", "k-3"), known)
    checks.equal("... texts are off", home.ctl("participant", "show", "P-1001")["sms"], "no")
    checks.equal("... and the practitioner is told", [t["owner"] for t in tasks("no_texts")], ["ada"])
    before = len(gateway.texts)
    home.record("P-1001", 4, "ATTC")
    evening_before(home, 5)
    checks.equal("the next reminder is no text", [t for t in gateway.texts[before:] if t["to"].endswith("900101")], [])
    checks.equal("... but a mail", [m["state"] for m in mails(home, 5)], ["accepted"])
    log = home.log()
    checks.ok("no secret, number or word in the log", not any(w in log for w in (SECRET, KEY, "900101", "900199", "honestly", "Thank you")), log[-2000:])


def main():
    checks = Checks()
    home = House("hooks")
    gateway = Gateway(home)
    try:
        home.gateways["texts"] = GATEWAY.format(host=HOST, port=gateway.port)
        home.set_password("hook", SECRET)
        home.set_password("key", KEY)
        home.start()
        home.add_cast()
        home.plan_all()
        home.record("P-1001", 1, "ATTC")
        for story in (receipts, strangers, locked, inbound):
            story(checks, home, gateway)
        checks.equal("cobid ends in order", home.stop(), 0)
    finally:
        home.close()
        gateway.close()
        close_folder(home.folder)
    checks.finish()


if __name__ == "__main__":
    main()
