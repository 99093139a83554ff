#!/usr/bin/env python3
"""Hostile and clumsy HTTP against the real listeners: framing tricks, sizes, slowness, floods, strangers on the socket.

Drives tests/tools/web_fixture over loopback and a Unix socket in a folder of its own."""
import http.client
import json
import os
import pathlib
import socket
import stat
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(os.environ.get("top_builddir", "."))
FIXTURE = TOP / "tests" / "tools" / "web_fixture"
LIVE = "/feeds/LIVE-token_00000000000000000000000000000001.ics"
LIFE_S = 1.0
CONNECTIONS = 150
WORDS = (b"cobi", b"stalk", b"probation", b"victim", b"libmicrohttpd", b"advocate")
done = 0


def check(condition, what):
    global done
    done += 1
    print(("ok" if condition else "not ok"), done, "-", what, flush=True)
    if not condition:
        raise SystemExit(1)


class Fixture:
    """The program under test, ended by closing its standard input."""

    def __init__(self, folder, life_s=LIFE_S, connections=CONNECTIONS, name="control.sock"):
        self.socket = str(folder / name)
        self.process = subprocess.Popen([str(FIXTURE), self.socket, str(int(life_s * 1000)), str(connections)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])

    def end(self):
        self.process.stdin.close()
        rest = self.process.stdout.read()
        if self.process.wait(10) != 0:
            raise SystemExit("the fixture failed: " + rest)
        return rest

    def connect(self, timeout=5):
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def read_all(s):
    data = b""
    try:
        while True:
            piece = s.recv(65536)
            if not piece:
                return data
            data += piece
    except (ConnectionResetError, socket.timeout):
        return data


def raw(fixture, request, timeout=5):
    """Everything that comes back until the other side closes."""
    with fixture.connect(timeout) as s:
        try:
            s.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return read_all(s)


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else 0


def statuses(answer):
    return [int(line.split(b" ")[1]) for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


def healthy(fixture):
    start = time.monotonic()
    answer = raw(fixture, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 3)
    return status_of(answer) == 200 and time.monotonic() - start < 0.5


def framing(fixture):
    second = b"GET /robots.txt HTTP/1.1\r\nHost: x\r\n\r\n"
    post = b"POST /ack/x HTTP/1.1\r\nHost: x\r\n"
    cases = {
        "Content-Length with Transfer-Encoding": post + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding with Content-Length": post + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        "two equal Content-Length": post + b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
        "two different Content-Length": post + b"Content-Length: 4\r\nContent-Length: 40\r\n\r\nabcd",
        "two Host": b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        "Transfer-Encoding gzip, chunked": post + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding identity": post + b"Transfer-Encoding: identity\r\n\r\n",
        "Transfer-Encoding xchunked": post + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "two Transfer-Encoding": post + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding in HTTP/1.0": b"POST /ack/x HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "a space before the colon of Transfer-Encoding": post + b"Transfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "a space before the colon of Content-Length": post + b"Content-Length : 4\r\n\r\nabcd",
        "a carriage return in a value": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: b\rTransfer-Encoding: chunked\r\n\r\n",
        "a control character in a value": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: \x01\r\n\r\n",
        "a NUL in the target": b"GET /healthz\0/x HTTP/1.1\r\nHost: x\r\n\r\n",
        "a NUL in the query": b"GET /healthz?a=\0b HTTP/1.1\r\nHost: x\r\n\r\n",
        "Content-Length on a GET with Transfer-Encoding": b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    }
    for name, request in cases.items():
        answer = raw(fixture, request + second)
        check(statuses(answer) == [400], f"{name}: refused, and nothing after it is read ({statuses(answer)})")
    answer = raw(fixture, b"GET /healthz HTTP/1.1\r\n\r\n")
    check(status_of(answer) == 400, "no Host: refused")
    answer = raw(fixture, b"POST /ack/x HTTP/1.1\r\nHost: x\r\nContent-Length: -4\r\n\r\n")
    check(status_of(answer) in (0, 400), "a negative Content-Length: refused")
    answer = raw(fixture, b"POST /ack/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                          b"5\r\ncode=\r\n0\r\n\r\n")
    check(statuses(answer) == [404], "plain chunked: read")


def sizes(fixture):
    answer = raw(fixture, b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 40000 + b"\r\n\r\n")
    check(status_of(answer) == 431, "a header of 40 kB: 431")
    answer = raw(fixture, b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    check(status_of(answer) == 414, "a URL of 40 kB: 414")
    head = b"POST /ack/x HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    answer = raw(fixture, head + b"Content-Length: 8193\r\n\r\n" + b"a" * 8193)
    check(statuses(answer) == [413], "a body of 8193 bytes: 413")
    answer = raw(fixture, head + b"Content-Length: 99999999999999999999999\r\n\r\n")
    check(set(statuses(answer)) == {413}, "an absurd length: refused")  # the library says it twice
    answer = raw(fixture, head + b"Connection: close\r\nContent-Length: 8192\r\n\r\n" + b"a" * 8192)
    check(statuses(answer) == [404], "a body of 8192 bytes: read")
    chunk = b"1000\r\n" + b"a" * 4096 + b"\r\n"
    answer = raw(fixture, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 3 + b"0\r\n\r\n")
    check(statuses(answer) == [413], "chunks of 12 kB: 413")
    answer = raw(fixture, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 2000)
    check(statuses(answer) in ([], [413]), "chunks without an end: broken off")
    answer = raw(fixture, head + b"Expect: 100-continue\r\nContent-Length: 8193\r\n\r\n")
    check(statuses(answer) == [413], "too much announced: refused without a 100")
    check(healthy(fixture), "healthy afterwards")


def memory_kb(fixture):
    text = pathlib.Path(f"/proc/{fixture.process.pid}/status").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("VmRSS")).split()[1])


def too_many(fixture):
    """Too many of everything, again and again: the same answer each time, the connection closed, and no memory kept."""
    head = b"POST /ack/x HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n"
    form = b"a=b&" * 2048
    cases = (("2000 headers", b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 2000 + b"\r\n", {431}),
             ("200 query arguments", b"GET /healthz?" + b"a=b&" * 200 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", {200}),
             ("2048 fields of a form", head + b"Connection: close\r\nContent-Length: 8192\r\n\r\n" + form, {404}),
             ("a form of 8193 bytes", head + b"Content-Length: 8193\r\n\r\n" + form + b"a", {413}),
             ("a chunk of 72 bits", chunked + b"ffffffffffffffffff\r\nabcde\r\n0\r\n\r\n", {413}),
             ("a chunk of negative length", chunked + b"-5\r\nabcde\r\n0\r\n\r\n", {400}),
             ("a chunk of hexadecimal prefix", chunked + b"0x5\r\nabcde\r\n0\r\n\r\n", {400}),
             ("8000 trailers", chunked + b"0\r\n" + b"X-A: b\r\n" * 8000 + b"\r\n", {431}),
             ("500 cookies", b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"Cookie: a=b\r\n" * 500 + b"\r\n", {431}))
    before = None
    for turn in range(40):
        for name, request, wanted in cases:
            answer = raw(fixture, request, 3)
            if set(statuses(answer)) != wanted:
                check(False, f"{name}: {statuses(answer)}, wanted {wanted}, in turn {turn}")
        before = before or memory_kb(fixture)
    for name, _, wanted in cases:
        check(True, f"{name}: {wanted} each time, and closed")
    grown = memory_kb(fixture) - before
    instrumented = os.environ.get("COBID_INSTRUMENTED", "no") != "no"  # a sanitizer keeps what was freed
    check(grown < (65536 if instrumented else 512), f"{40 * len(cases)} of them cost no memory ({grown} kB)")


def lines_too_long(fixture):
    """A line that fits no memory cannot be answered; it must not be read for ever either, nor keep the processor busy."""
    head = b"POST /ack/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    for name, request in (("a chunk's extension of 60 kB", head + b"5;" + b"a" * 60000 + b"\r\nabcde\r\n0\r\n\r\n"),
                          ("2000 query arguments", b"GET /healthz?" + b"a=b&" * 2000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")):
        start, before = time.monotonic(), fixture.cpu_s()
        answer = raw(fixture, request, 5)
        age, used = time.monotonic() - start, fixture.cpu_s() - before
        check(not answer or status_of(answer) in (400, 413, 414, 431), f"{name}: no answer, or a refusal")
        check(age < LIFE_S + 1, f"{name}: closed after {age:.2f} s")
        check(used < 0.2, f"{name}: {used:.2f} s of processor time")


def rubbish(fixture):
    for request in (b"\r\n" * 500, b"\0" * 5000, b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                    b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n", b"GET /%00%0d%0aX:y HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                    b"GET /healthz?" + b"&" * 4000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"):
        answer = raw(fixture, request, 3)
        check(not any(word in answer.lower() for word in WORDS), f"{request[:20]!r}: an answer or none, and nothing named")
    check(healthy(fixture), "healthy afterwards")


def slow(fixture):
    """One byte every 100 ms would hold a connection for ever if only silence were counted."""
    for name, begin in (("headers", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: "),
                        ("a body", b"POST /ack/x HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n"),
                        ("nothing at all", b"")):
        with fixture.connect() as s:
            start = time.monotonic()
            s.sendall(begin)
            s.settimeout(0.1)
            closed = False
            while not closed and time.monotonic() - start < 5 * LIFE_S:
                try:
                    closed = s.recv(100) == b""
                except socket.timeout:
                    try:
                        s.sendall(b"a" if begin else b"")
                    except OSError:
                        closed = True
                except OSError:
                    closed = True
            age = time.monotonic() - start
            check(closed and LIFE_S * 0.8 < age < LIFE_S + 1, f"dripping {name}: closed after {age:.2f} s")


def slow_reader(fixture):
    """Asks for much and reads nothing: its connection ends, the bytes are freed, others are served."""
    readers = []
    for _ in range(20):
        s = fixture.connect()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        s.sendall(f"GET {LIVE} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 20)
        readers.append(s)
    check(healthy(fixture), "healthy beside readers that do not read")
    open_now = fixture.descriptors()
    time.sleep(LIFE_S + 0.5)
    check(fixture.descriptors() <= open_now - 20, "their connections were ended")
    for s in readers:
        s.close()


def floods(fixture):
    idle = [fixture.connect() for _ in range(100)]
    check(healthy(fixture), "100 idle connections: /healthz is answered at once")
    more = [fixture.connect() for _ in range(200)]
    check(healthy(fixture), f"300 idle connections where {CONNECTIONS} may be open: answered at once, the oldest were closed")
    before = fixture.cpu_s()
    time.sleep(LIFE_S + 1)
    check(fixture.cpu_s() - before < 0.3, "waiting for them costs no processor time")
    for s in idle + more:
        s.settimeout(2)
        check(read_all(s) == b"", "closed in the end") if s in (idle[0], more[-1]) else None
        s.close()
    check(fixture.descriptors() < 20, "no descriptor is left over")


def ordinary(fixture):
    """What decent clients do."""
    connection = http.client.HTTPConnection("127.0.0.1", fixture.port, timeout=5)
    connection.request("HEAD", LIVE)
    head = connection.getresponse()
    head.read()
    connection.request("GET", LIVE)  # on the same connection
    answer = connection.getresponse()
    body = answer.read()
    check(answer.status == 200 and body.startswith(b"BEGIN:VCALENDAR\r\n") and body.endswith(b"\r\nEND:VCALENDAR\r\n"),
          "GET: a whole calendar")
    drop = lambda headers: sorted(h for h in headers if h[0] != "Date")
    check(drop(head.getheaders()) == drop(answer.getheaders()), "HEAD: the same headers")
    check(int(answer.getheader("Content-Length")) == len(body), "its length")
    tag = answer.getheader("ETag")
    connection.request("GET", LIVE, headers={"If-None-Match": tag})
    answer = connection.getresponse()
    check(answer.status == 304 and answer.read() == b"" and answer.getheader("ETag") == tag, "unchanged: 304 without a body")
    check(answer.getheader("Content-Length") in (None, str(len(body))), "304 tells no wrong length")
    connection.close()
    answer = raw(fixture, f"GET {LIVE} HTTP/1.0\r\n\r\n".encode())
    check(status_of(answer) == 200 and answer.endswith(b"END:VCALENDAR\r\n"), "HTTP/1.0 without Host: 200")
    answer = raw(fixture, f"GET {LIVE}?x=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    check(status_of(answer) == 200, "a query changes nothing")
    code = b"code=ABCD-EFGH"
    answer = raw(fixture, b"POST /ack/ACK--token_00000000000000000000000000000003 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                          b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 14\r\n\r\n" + code)
    check(status_of(answer) == 200 and b"recorded" in answer, "an acknowledgement with its code")
    answer = raw(fixture, b"POST /status HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
    check(status_of(answer) == 404, "commands are not on this door")


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=5)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(5)
        self.sock.connect(self.path)


def command(path, url, body):
    connection = UnixConnection(path)
    connection.request("POST", url, body)
    answer = connection.getresponse()
    document = json.loads(answer.read())
    connection.close()
    return answer.status, document


def as_stranger(path):
    """Asks as an OS user that is in no group of ours; the file's mode is opened for it by the caller."""
    script = ("import os, socket, sys\n"
              "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
              "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
              "s.sendall(b'POST /status HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\nContent-Length: 2\\r\\n\\r\\n{}')\n"
              "data = b''\n"
              "while True:\n"
              "    piece = s.recv(65536)\n"
              "    if not piece: break\n"
              "    data += piece\n"
              "print(data.decode())\n")
    run = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, timeout=10)
    return run.stdout + run.stderr


def control(fixture, folder):
    mode = stat.S_IMODE(os.stat(fixture.socket).st_mode)
    check(mode == 0o660, f"the control socket's mode is 0660 ({mode:o})")
    status, document = command(fixture.socket, "/status", b"{}")
    check(status == 200 and document["ok"] is True, "our own user: a command is run")
    status, document = command(fixture.socket, "/status", b" " * 65537)
    check(status == 413 and "error" in document, "65537 bytes: 413 with one line")
    status, document = command(fixture.socket, "/status", b"{" + b" " * 65534 + b"}")
    check(status == 200, "65536 bytes: read")
    status, document = command(fixture.socket, "/status", b" " * 300000)
    check(status == 413, "300000 bytes: 413")
    status, document = command(fixture.socket, "/no/such", b"{}")
    check(status == 404 and "error" in document, "no such command: 404 with one line")
    if os.geteuid() == 0:
        os.chmod(folder, 0o755)
        os.chmod(fixture.socket, 0o666)
        answer = as_stranger(fixture.socket)
        check(" 403 " in answer and "cobid-admin" in answer, "a stranger: 403 with what to do: " + answer.splitlines()[-1])
        os.chmod(fixture.socket, 0o660)
    second = subprocess.run([str(FIXTURE), fixture.socket, "1000", "10"], input="", capture_output=True, text=True, timeout=10)
    check(second.returncode == 1 and "another daemon" in second.stderr, "a second daemon on the socket is refused")
    plain = folder / "file"
    plain.write_text("keep me")
    third = subprocess.run([str(FIXTURE), str(plain), "1000", "10"], input="", capture_output=True, text=True, timeout=10)
    check(third.returncode == 1 and plain.read_text() == "keep me", "a file in the socket's place is kept")


def main():
    if not FIXTURE.exists():
        print("1..0 # SKIP", FIXTURE, "was not built")
        raise SystemExit(77)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        fixture = Fixture(folder)
        for part in (ordinary, framing, sizes, too_many, lines_too_long, rubbish, slow, slow_reader, floods):
            part(fixture)
        control(fixture, folder)
        counts = fixture.end()
        check("commands" in counts, "it ends when it is told to")
        again = Fixture(folder)
        check(command(again.socket, "/status", b"{}")[0] == 200, "a dead socket is replaced")
        again.end()
    print(f"1..{done}")


main()
