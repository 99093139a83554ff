"""An HTTP gateway that misbehaves on request: the first part of the path names what it does with a POST.

Every POST that was read whole is recorded, so a test can count how often a message really arrived.
"""
import json
import re
import socket
import struct
import threading
import time

ANSWER_ID = b'{"id":"gw-1","queued":true}'


class HttpDouble:
    def __init__(self, tls=None):
        self.tls = tls
        self.lock = threading.Lock()
        self.posts = []
        self.connections = 0
        self.ending = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, behaviour):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/{behaviour}"

    def posts_to(self, behaviour):
        with self.lock:
            return [p for p in self.posts if p["path"].lstrip("/") == behaviour]

    def close(self):
        self.ending.set()
        self.listener.close()

    def _accept(self):
        while not self.ending.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with self.lock:
            self.connections += 1
            number = self.connections
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as reader:
                turn = 0
                while True:
                    request = self._read(reader, connection, number)
                    if request is None:
                        return
                    turn += 1
                    if not self._answer(connection, request, turn):
                        return
        except OSError:
            pass

    def _read(self, reader, connection, number):
        line = reader.readline()
        if not line:
            return None
        method, path, _ = line.decode("ascii").split(" ", 2)
        headers = []
        while True:
            line = reader.readline().decode("latin-1").rstrip("\r\n")
            if not line:
                break
            name, value = line.split(":", 1)
            headers.append((name.lower(), value.strip()))
        if path == "/earlyreset":
            self._reset(connection)
            return None
        length = int(dict(headers).get("content-length", "0"))
        body = reader.read(length)
        if len(body) < length:
            return None
        request = {"method": method, "path": path, "headers": headers, "body": body.decode("utf-8"), "connection": number}
        with self.lock:
            self.posts.append(request)
        return request

    @staticmethod
    def _reset(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    @staticmethod
    def _send(connection, status, body=b"", extra=b"", length=None):
        length = len(body) if length is None else length
        connection.sendall(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n%s\r\n%s" % (status, length, extra, body))

    def _answer(self, connection, request, turn):
        """Returns whether the connection goes on."""
        name = request["path"].lstrip("/")
        match = re.fullmatch(r"status/(\d+)(?:/(\w+))?", name)
        if match:
            extra = b"Retry-After: %s\r\n" % match[2].encode() if match[2] else b""
            if match[1].startswith("3"):
                extra += b"Location: http://127.0.0.1:%d/ok\r\n" % self.port
            self._send(connection, int(match[1]), ANSWER_ID if match[1].startswith("2") else b'{"error":"x"}', extra)
            return True
        if name in ("once", "oncereset") and turn > 1:
            if name == "oncereset":
                self._reset(connection)
            return False
        return getattr(self, "_do_" + name.split("/")[0])(connection)

    def _do_ok(self, connection):
        self._send(connection, 200, ANSWER_ID)
        return True

    _do_once = _do_oncereset = _do_ok

    def _do_number(self, connection):
        self._send(connection, 201, b'{"messages":[{"id~/x":12345678901}]}')
        return True

    def _do_noid(self, connection):
        self._send(connection, 200, b'{"queued":true,"id":null}')
        return True

    def _do_garbage(self, connection):
        self._send(connection, 200, b"<html>welcome to the hotel network</html>")
        return True

    def _do_odd(self, connection):
        self._send(connection, 200, json.dumps({"id": "a\r\nb"}).encode())
        return True

    def _do_accepted(self, connection):
        self._send(connection, 202, b"0: Accepted for delivery")
        return True

    def _do_later(self, connection):
        self._send(connection, 202, b"3: Queued for later delivery")
        return True

    def _do_close(self, connection):
        return False

    def _do_reset(self, connection):
        self._reset(connection)
        return False

    def _do_hang(self, connection):
        self.ending.wait(20)
        return False

    def _do_trickle(self, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n")
        for _ in range(100):
            connection.sendall(b"{")
            if self.ending.wait(0.2):
                break
        return False

    def _do_huge(self, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(1000):
            connection.sendall(b"2000\r\n" + b" " * 8192 + b"\r\n")
        return False

    def _do_hugehead(self, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for i in range(10000):
            connection.sendall(b"X-Filler-%d: %s\r\n" % (i, b"y" * 200))
        return False

    def _do_cutbody(self, connection):
        self._send(connection, 200, b'{"id":"gw-', length=100)
        return False

    def _do_cuthead(self, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Ty")
        return False

    def _do_slow(self, connection):
        time.sleep(0.6)
        self._send(connection, 200, ANSWER_ID)
        return True
