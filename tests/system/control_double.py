#!/usr/bin/env python3
"""A double of cobid's control socket: answers by a table and writes down what it was asked.

Usage: control_double.py SOCKET REQUESTS. Prints "ready" when it listens. Ends when its standard input does."""
import http.server
import json
import os
import socketserver
import sys
import threading

SESSIONS = [
    {"id": "S-1", "participant": "P-1001", "number": 9, "of": 12, "state": "planned", "zone": "Europe/London",
     "local": "2027-01-12T14:00", "outcome": None},
    {"id": "S-10", "participant": "Siân", "number": 10, "of": 12, "state": "recorded", "zone": "Europe/London",
     "local": "2027-01-19T14:00", "outcome": "ATTC"},
]
HOSTILE = {"id": "M-1", "state": "sent", "reason": "\x1b]0;title\x07\u202e", "subject": "Your appointment",
           "body": "Tue 12 Jan, 2pm.\nstate: forged\n"}
TEXTS = {"participant": "P-1001", "texts": [
    {"due": "2027-01-11T18:00:00Z", "kind": "reminder", "channel": "sms", "body": "Tue 12 Jan, 2pm."}]}
ANSWERS = {
    "/status": (200, {"version": "1", "participants": 42}),
    "/config/check": (200, {"faults": ["cobid.conf:3: unknown option"]}),
    "/session/list": (200, SESSIONS),
    "/session/show": (200, dict(SESSIONS[0], history=[{"revision": 1}, {"revision": 2}])),
    "/session/move": (409, {"error": "S-1 has begun: record its outcome instead"}),
    "/session/cancel": (403, {"error": "line one\nline two\x1b[2J"}),
    "/message/show": (200, HOSTILE),
    "/message/list": (200, []),
    "/preview": (200, TEXTS),
    "/task/list": (200, b"<html>not JSON</html>"),
    "/task/done": (500, b""),
    "/escalation/list": (503, {"reason": "no member named error"}),
    "/template/show": (200, b"x" * (65 * 1024 * 1024)),
    "/clock/advance": (200, {"now": "2027-01-01T00:00:00Z", "target": "2027-01-08T00:00:00Z", "advancing": True}),
    "/clock/set": (200, {"now": "2027-01-08T00:00:00Z", "target": "2027-01-08T00:00:00Z", "advancing": False}),
}
clock_polls = 0


def answer_clock():
    """The clock arrives at the third look, unless a file says that it never does."""
    global clock_polls
    clock_polls += 1
    arrived = clock_polls % 3 == 0 and not os.path.exists(sys.argv[2] + ".slow")
    return 200, {"now": f"2027-01-0{8 if arrived else 3}T00:00:00Z", "target": "2027-01-08T00:00:00Z",
                 "advancing": not arrived}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "unix"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        record = {"path": self.path, "type": self.headers.get("Content-Type"), "arguments": json.loads(body)}
        with open(sys.argv[2], "a", encoding="utf-8") as requests:
            requests.write(json.dumps(record, sort_keys=True, ensure_ascii=False) + "\n")
        if self.path == "/feed/list":
            self.close_connection = True
            return
        if self.path == "/health":
            status, document = 200, {"healthy": not os.path.exists(sys.argv[2] + ".ill")}
        elif self.path == "/clock/show":
            status, document = answer_clock()
        else:
            status, document = ANSWERS.get(self.path, (200, {"path": self.path}))
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        try:
            self.wfile.write(data)
        except BrokenPipeError:
            self.close_connection = True


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64

    def get_request(self):
        request, _ = super().get_request()
        return request, ("unix", 0)


with Server(sys.argv[1], Handler) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()
    server.shutdown()
