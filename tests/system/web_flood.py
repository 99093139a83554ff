#!/usr/bin/env python3
"""A crowd that asks nothing, against the real daemon: 9,000 idle and 200 dripping connections, more than it takes in, and whoever asks is answered.

The daemon may open as many files as its unit allows (8192). Meanwhile /healthz, a gateway's receipt and cobictl are timed; afterwards nothing of the
crowd may be left: descriptors, memory, processor time. Fewer come where this process may not open 10,000 files.
"""
import json
import os
import pathlib
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "doubles"))
from tap import Checks  # noqa: E402

SOURCE = os.path.abspath(os.environ.get("top_srcdir", "."))
BUILD = os.path.abspath(os.environ.get("top_builddir", "."))
PATIENCE_S = 30
FILES_OF_THE_UNIT = 8192
LIFE_S = 15
ANSWER_MS_MAX = 100
FLOOD_MS_MAX = 1500  # two commands and what they set off
ROUNDS_MAX = 3  # a machine with other work to do may miss a beat
GET_HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
POST_RECEIPT = (b"POST /hooks/no-such-gateway/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Daemon:
    def __init__(self, folder, files):
        self.folder, self.port = folder, free_port()
        os.makedirs(folder)
        etc = os.path.join(SOURCE, "etc")
        with open(os.path.join(etc, "demo.conf"), encoding="utf-8") as sample:
            text = sample.read().replace("@STATE@", folder + "/state").replace("@RUN@", folder).replace("@ETC@", etc)
        config = os.path.join(folder, "cobid.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(text.replace('listen = "127.0.0.1:8099"', f'listen = "127.0.0.1:{self.port}"'))
        self.log = open(os.path.join(folder, "log"), "wb")
        self.process = subprocess.Popen([os.path.join(BUILD, "cobid"), "-c", config], stdout=self.log, stderr=self.log,
                                        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files)))
        until = time.monotonic() + PATIENCE_S
        while self.ask(GET_HEALTH)[0] != 200:
            if time.monotonic() > until or self.process.poll() is not None:
                raise SystemExit("the daemon did not start: " + pathlib.Path(self.log.name).read_text(encoding="utf-8"))
            time.sleep(0.1)

    def ask(self, request, timeout=5):
        """Status and milliseconds, on a connection of its own; status 0 without an answer."""
        start = time.monotonic()
        answer = b""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout) as s:
                s.sendall(request)
                while piece := s.recv(65536):
                    answer += piece
        except OSError:
            pass
        status = int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0
        return status, (time.monotonic() - start) * 1000

    def command(self, *words):
        start = time.monotonic()
        run = subprocess.run([os.path.join(BUILD, "cobictl"), "--socket", os.path.join(self.folder, "control.sock"), *words],
                             capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        return run.returncode, run.stdout, (time.monotonic() - start) * 1000

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_kb(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(next(line for line in text.splitlines() if line.startswith("VmRSS")).split()[1])

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(PATIENCE_S)
        self.log.close()
        return status


class Crowd:
    """doubles/crowd.py, in a process of its own."""

    def __init__(self, daemon, seconds, idle=0, dripping=0, asking=0, hammering=0, again=False):
        words = (daemon.port, seconds, LIFE_S, idle, dripping, asking, hammering, int(again))
        self.process = subprocess.Popen([sys.executable, os.path.join(HERE, "doubles", "crowd.py"), *map(str, words)],
                                        stdout=subprocess.PIPE, text=True)

    def wait_until_open(self):
        if self.process.stdout.readline() != "open\n":
            raise SystemExit("the crowd could not come")

    def end(self):
        said = self.process.stdout.read()
        self.process.wait(PATIENCE_S)
        return json.loads(said)

    def disperse(self):
        self.process.kill()
        self.process.wait()


def times_of(daemon, count, pause_s):
    health, receipts, commands, wrong = [], [], [], []
    for i in range(count):
        status, ms = daemon.ask(GET_HEALTH)
        health.append(ms)
        wrong += [] if status == 200 else [f"/healthz: {status}"]
        status, ms = daemon.ask(POST_RECEIPT)
        receipts.append(ms)
        wrong += [] if status == 404 else [f"/hooks: {status}"]
        if i % 10 == 0:
            status, _, ms = daemon.command("status")
            commands.append(ms)
            wrong += [] if status == 0 else [f"cobictl status: {status}"]
        time.sleep(pause_s)
    return {"healthz": health, "hooks": receipts, "cobictl": commands}, wrong


def check_answers(checks, daemon, during, count=100, pause_s=0.08):
    """Every answer of a round in time; cobictl's time holds the start of a process, so it may take five times as long."""
    for _ in range(ROUNDS_MAX):
        times, wrong = times_of(daemon, count, pause_s)
        for name, ms in times.items():
            print(f"# {during}: {name}: {len(ms)} answers, median {statistics.median(ms):.1f} ms, max {max(ms):.1f} ms")
        late = [ms for name, series in times.items() for ms in series if ms > (5 if name == "cobictl" else 1) * ANSWER_MS_MAX]
        if wrong or not late:
            break
    checks.ok(f"{during}: all were answered", not wrong, wrong[:5])
    checks.ok(f"{during}: each within {ANSWER_MS_MAX} ms", not late, late[:5])


def check_rest(checks, daemon, after, descriptors):
    time.sleep(0.5)
    before = daemon.cpu_s()
    time.sleep(1.5)
    used = daemon.cpu_s() - before
    print(f"# {after}: {daemon.descriptors()} descriptors, {daemon.memory_kb()} kB, {used:.2f} s of processor time in 1.5 s")
    checks.ok(f"{after}: no descriptor is left over", daemon.descriptors() <= descriptors + 2, daemon.descriptors())
    checks.ok(f"{after}: it rests", used <= 0.05, used)


def check_holding(checks, daemon, idle, dripping):
    """More than the listener takes in: the oldest of those who ask nothing gave way, and every drip ends at its time."""
    descriptors = daemon.descriptors()
    crowd = Crowd(daemon, LIFE_S + 3, idle, dripping)
    crowd.wait_until_open()
    print(f"# held: {daemon.descriptors()} descriptors, {daemon.memory_kb()} kB")
    check_answers(checks, daemon, f"{idle} idle and {dripping} dripping")
    seen = crowd.end()
    print(f"# {seen}")
    checks.equal("all that came were shut", (seen["came"], seen["shut"], seen["left"]), (idle + dripping, idle + dripping, 0))
    checks.ok(f"every drip ended after {LIFE_S} s and no other way", seen["drips"] == dripping and not seen["late_drips"] and seen["youngest_drip"] > LIFE_S - 1.5,
              seen)
    check_rest(checks, daemon, "after the crowd", descriptors)


def check_coming_again(checks, daemon, idle, dripping):
    descriptors = daemon.descriptors()
    crowd = Crowd(daemon, PATIENCE_S, idle, dripping, again=True)
    crowd.wait_until_open()
    check_answers(checks, daemon, "whoever is shut comes again", 60, 0.01)
    first_kb = daemon.memory_kb()
    crowd.disperse()
    crowd = Crowd(daemon, PATIENCE_S, asking=idle)
    crowd.wait_until_open()
    check_answers(checks, daemon, "a crowd that asked once and stays", 60, 0.01)
    crowd.disperse()
    check_rest(checks, daemon, "after both", descriptors)
    most_kb = 8192 if os.environ.get("COBID_INSTRUMENTED", "no") == "no" else 262144  # a sanitizer keeps what was freed
    checks.ok("no memory grew over the crowds", daemon.memory_kb() < first_kb + most_kb, (first_kb, daemon.memory_kb()))


def check_flood(checks, daemon):
    """Requests without a pause must not keep the engine from its work: the clock advances in its turns."""
    crowds = [Crowd(daemon, 4, hammering=200, again=True) for _ in range(2)]
    for crowd in crowds:
        crowd.wait_until_open()
    waits, until = [], time.monotonic() + 3
    while time.monotonic() < until:
        start = time.monotonic()
        daemon.command("clock", "advance", "1d")
        while json.loads(daemon.command("--json", "clock", "show")[1])["advancing"] and time.monotonic() < until:
            pass
        waits.append((time.monotonic() - start) * 1000)
    answers = sum(crowd.end()["answers"] for crowd in crowds)
    print(f"# a flood of {answers} answers in 4 s; {len(waits)} advances, median {statistics.median(waits):.0f} ms, max {max(waits):.0f} ms")
    checks.ok("under a flood of requests the engine has its turns", max(waits) < FLOOD_MS_MAX, max(waits))


def check_few_files(checks, folder):
    """64 files for everything: when no more can be opened, who asks nothing gives way."""
    daemon = Daemon(folder, 64)
    descriptors = daemon.descriptors()
    crowd = [socket.create_connection(("127.0.0.1", daemon.port), 5) for _ in range(300)]
    check_answers(checks, daemon, "64 files, 300 idle", 20)
    checks.ok("64 files: some are left for the daemon itself", daemon.descriptors() < 60, daemon.descriptors())
    for s in crowd:
        s.close()
    check_rest(checks, daemon, "after 64 files", descriptors)
    checks.equal("64 files: it stops in good order", daemon.stop(), 0)


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = min(FILES_OF_THE_UNIT, hard)
    idle, dripping = min(9000, hard - 700), 200
    if idle < 9000:
        print(f"# only {idle} idle connections: {hard} files may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        daemon = Daemon(folder + "/unit", files)
        print(f"# at rest: {daemon.descriptors()} descriptors, {daemon.memory_kb()} kB")
        check_holding(checks, daemon, idle, dripping)
        check_coming_again(checks, daemon, idle, dripping)
        check_flood(checks, daemon)
        checks.equal("it stops in good order", daemon.stop(), 0)
        check_few_files(checks, folder + "/few")
    checks.finish()


main()
