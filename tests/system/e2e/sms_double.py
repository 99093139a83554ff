"""A gateway for texts: takes HTTP POSTs of JSON, notes everything it got and at what time of the daemon's clock, and misbehaves for chosen numbers."""
import contextlib
import json
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REFUSED = ("+447700900901", "+447700900904")
LATER, LOST = "+447700900902", "+447700900903"


class SmsDouble:
    def __init__(self):
        self.lock = threading.Lock()
        self.texts = []     # what a phone would show: one entry a POST that was taken
        self.requests = 0
        self.deferred = set()
        self.hold = False   # take, but do not answer
        self.pause = None   # called before and after a text is taken: returns how many seconds to wait
        self.in_hand = 0    # requests that were read and not answered yet
        self.world = None   # whose clock tells the time
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                wanted = int(self.headers.get("Content-Length", "0"))
                body = self.rfile.read(wanted)
                if len(body) < wanted:  # the daemon was killed in the middle of its request
                    return
                with double.lock:
                    double.in_hand += 1
                try:
                    # The daemon may be killed while it waits for the answer.
                    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                        double.take(self, body)
                finally:
                    with double.lock:
                        double.in_hand -= 1

            def answer(self, status, document):
                body = json.dumps(document).encode()
                self.send_response_only(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request, client_address):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/messages"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def wait(self):
        if self.pause:
            time.sleep(self.pause())

    def take(self, handler, body):
        self.wait()
        document = json.loads(body)
        to, reference = document["to"], document["reference"]
        with self.lock:
            self.requests += 1
            first = reference.rsplit("-", 1)[0] not in self.deferred
            self.deferred.add(reference.rsplit("-", 1)[0])
        if to in REFUSED:
            handler.answer(400, {"error": "no such number"})
            return
        if to == LATER and first:
            handler.answer(503, {"error": "come back later"})
            return
        now = self.world.now()
        raw = f"{handler.requestline}\r\n{handler.headers}\r\n".encode() + body
        with self.lock:
            number = len(self.texts) + 1
            self.texts.append({"to": to, "from": document.get("from"), "text": document["text"], "reference": reference, "at": now, "raw": raw})
        while self.hold:
            time.sleep(0.02)
        self.wait()
        if to == LOST:  # taken, but the answer never arrives
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
            handler.close_connection = True
            return
        handler.answer(200, {"id": f"text-{number}"})

    def close(self):
        self.server.shutdown()
        self.server.server_close()
