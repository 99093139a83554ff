"""Gateways for texts and mails that keep every byte they were sent, with the daemon's time, and do to each recipient what a test says.

fate(recipient) is asked for each: "ok", "refused", "later", "lost" (taken, but the answer never arrives), "down" (closed before anything was read) or a number of
seconds to wait before "ok".
"""
import contextlib
import json
import re
import socket
import struct
import threading
import time


class Arrival:
    """One request or mail. raw: all bytes that came; taken: it counts as received."""

    def __init__(self, at, to, raw, fate, envelope="", body=b""):
        self.at, self.to, self.raw, self.fate, self.envelope, self.body = at, to, raw, fate, envelope, body
        self.mono = time.monotonic()
        self.taken = fate not in ("refused", "later", "down")


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Gateway:
    """Listens on a free port; each connection has a thread."""

    def __init__(self):
        self.lock, self.arrivals, self.world, self.fate = threading.Lock(), [], None, lambda to: "ok"
        self.ending = threading.Event()
        self.port, self.open = 0, set()
        self.open_door()

    def open_door(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def shut_door(self):
        """From now on connections are refused, and those that are kept end."""
        for s in (self.listener, *list(self.open)):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)  # ends what waits for it, too
        self.listener.close()

    def _accept(self, listener):
        while not self.ending.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._guard, args=(connection,), daemon=True).start()

    def _guard(self, connection):
        self.open.add(connection)
        try:
            with connection, connection.makefile("rb") as reader:
                self.serve(connection, reader)
        except (OSError, ValueError):
            pass  # the daemon was killed in the middle, or we closed it
        self.open.discard(connection)

    def note(self, arrival):
        with self.lock:
            self.arrivals.append(arrival)
        return arrival

    def act(self, fate):
        if isinstance(fate, (int, float)):
            self.ending.wait(fate)

    def serve(self, connection, reader):
        raise NotImplementedError

    def close(self):
        self.ending.set()
        self.shut_door()


class Texts(Gateway):
    """HTTP POSTs of JSON."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/messages"

    def serve(self, connection, reader):
        while True:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = reader.readline()
                if not line:
                    return
                head += line
            length = int(re.search(rb"(?i)\r\ncontent-length: *([0-9]+)", head)[1])
            body = reader.read(length)
            if len(body) < length or not self.answer(connection, head, body):
                return

    def answer(self, connection, head, body):
        document = json.loads(body)
        fate = self.fate(document["to"])
        arrival = self.note(Arrival(self.world.now(), document["to"], head + body, fate, body=document["text"].encode()))
        arrival.reference = document["reference"]
        self.act(fate)
        if fate in ("lost", "down"):
            reset(connection)
            return False
        status = {"refused": 400, "later": 503}.get(fate, 200)
        text = json.dumps({"id": "gw-" + document["reference"]} if status == 200 else {"error": "no"}).encode()
        connection.sendall(b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (status, len(text), text))
        return True


class Mails(Gateway):
    """A relay. Mails to one address are one arrival each, with all that was said in the connection for it."""

    REPLIES = {"refused": b"550 5.1.1 No such mailbox", "later": b"451 4.2.1 Try later"}

    def serve(self, connection, reader):
        connection.sendall(b"220 relay.example ready\r\n")
        greeting, said, to, fate = b"", b"", "", "ok"
        while True:
            line = reader.readline()
            if not line.endswith(b"\r\n"):
                return
            verb, answer = line[:4].upper(), b"250 2.0.0 Fine"
            if verb == b"EHLO":
                greeting, answer = line, b"250-relay.example\r\n250 SIZE 1048576"
            elif verb == b"MAIL":
                said = greeting + line
            elif verb == b"RCPT":
                said += line
                to = re.search(rb"<([^>]*)>", line)[1].decode()
                fate = self.fate(to)
                if fate in self.REPLIES:
                    self.note(Arrival(self.world.now(), to, said, fate, said.decode()))
                    answer = self.REPLIES[fate]
                elif fate == "down":
                    return
            elif verb == b"DATA":
                connection.sendall(b"354 Go on\r\n")
                body = self.read_mail(reader)
                self.note(Arrival(self.world.now(), to, said + body, fate, said.decode(), body))
                self.act(fate)
                if fate == "lost":
                    reset(connection)
                    return
                answer = b"250 2.0.0 Ok: queued as GATE"
            elif verb == b"QUIT":
                connection.sendall(b"221 2.0.0 Bye\r\n")
                return
            connection.sendall(answer + b"\r\n")

    @staticmethod
    def read_mail(reader):
        lines = []
        while (line := reader.readline()) != b".\r\n":
            if not line:
                raise ConnectionError("cut")
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)
