"""The mobile network behind Kannel: what its generic http driver hands over, put together again as a telephone would.

A telephone knows three things of a part: its coding, its user data header, its octets. GSM text comes from Kannel as UTF-8, UCS-2 as
UTF-16BE octets.
"""
import http.server
import threading
import urllib.parse
import urllib.request

from process import HOST


class Part:
    def __init__(self, query):
        pairs = [field.split("=", 1) for field in query.split("&")]
        self.fields = {name: urllib.parse.unquote_to_bytes(value.replace("+", " ")) for name, value in pairs}
        self.to = self.fields["to"].decode()
        self.sender = self.fields["from"].decode()
        self.coding = self.fields["coding"].decode()
        self.octets = self.fields["text"]
        self.reference, self.count, self.number = self.read_header(self.fields["udh"])

    @staticmethod
    def read_header(header):
        """(reference, how many, which) of a concatenated text, or (None, 1, 1)."""
        if not header:
            return None, 1, 1
        if len(header) != 6 or header[:3] != b"\x05\x00\x03":
            raise ValueError(f"a user data header that is not a concatenation: {header.hex()}")
        return header[3], header[4], header[5]

    def units(self):
        """How much of the 140 octets of a part it takes: septets (GSM) or 16-bit units (UCS-2)."""
        if self.coding == "2":
            return len(self.octets) // 2
        text = self.octets.decode("utf-8")
        return len(text) + sum(c in "^{}\\[~]|€\f" for c in text)

    def fits(self):
        whole, piece = (70, 67) if self.coding == "2" else (160, 153)
        return self.units() <= (whole if self.count == 1 else piece)


class Carrier:
    """Records every part; answer() is a hook that a test may replace to refuse."""

    def __init__(self):
        self.parts = []
        self.faults = []
        self.reports = None  # Kannel's port for what comes from the network
        self.lock = threading.Lock()
        self.server = http.server.ThreadingHTTPServer((HOST, 0), self.make_handler())
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def make_handler(self):
        carrier = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                answer = carrier.take(self.path)
                self.send_response(200)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        return Handler

    def take(self, path):
        with self.lock:
            try:
                part = Part(path.partition("?")[2])
            except (ValueError, KeyError) as fault:
                self.faults.append(repr(fault))
                return b"perm"
            self.parts.append(part)
            return f"ok id={len(self.parts)}".encode()

    def texts(self):
        """[(to, sender, coding, text)] of every text that is whole, in the order of its first part."""
        whole, pieces = [], {}
        with self.lock:
            for part in self.parts:
                key = (part.to, part.reference) if part.reference is not None else (part.to, object())
                parts = pieces.setdefault(key, {})
                parts[part.number] = part
                if len(parts) == part.count:
                    whole.append(self.join(pieces.pop(key)))
        return whole

    # ---- from the network to Kannel ----

    def say(self, **fields):
        query = urllib.parse.urlencode({"username": "reports", "password": "reports", **fields})
        with urllib.request.urlopen(f"http://{HOST}:{self.reports}/?{query}", timeout=10) as answer:
            return answer.status

    def report(self, number, kind):
        """The report of the part of that number, from 1: kind 1 delivered, 2 failed, 4 kept."""
        part = self.parts[number - 1]
        words = {1: "DELIVRD", 2: "UNDELIV", 4: "ACCEPTD"}
        fields = {"from": part.to, "to": part.sender, "text": f"id:{number} stat:{words[kind]}", "dlr-mask": kind, "dlr-mid": number}
        return self.say(**fields)

    def send(self, number, text):
        """A telephone sends a text."""
        return self.say(**{"from": number, "to": "60006", "text": text})

    @staticmethod
    def join(parts):
        octets = b"".join(parts[number].octets for number in sorted(parts))
        first = parts[min(parts)]
        return first.to, first.sender, first.coding, octets.decode("utf-16-be" if first.coding == "2" else "utf-8")

    def close(self):
        self.server.shutdown()
        self.server.server_close()
