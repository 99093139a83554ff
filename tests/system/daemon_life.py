#!/usr/bin/env python3
"""What the daemon and systemd say to each other: sockets handed over by name, ready, reloading, watchdog, stopping; a bad edit never stops it.

The test plays systemd: it listens on NOTIFY_SOCKET, binds the listeners and hands them over, and kills what it started.
"""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "doubles"))
from tap import Checks  # noqa: E402

SOURCE = os.environ.get("top_srcdir", ".")
BUILD = os.environ.get("top_builddir", ".")
PATIENCE_S = 30
LISTEN_START = 3


class Host:
    """The part of systemd that the daemon meets."""

    def __init__(self, folder):
        self.folder = folder
        self.state = os.path.join(folder, "state")
        self.config = os.path.join(folder, "cobid.conf")
        self.log = os.path.join(folder, "log")
        self.children = []
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notices.bind(os.path.join(folder, "notify"))
        self.notices.settimeout(PATIENCE_S)
        self.public = socket.create_server(("127.0.0.1", 0))
        self.port = self.public.getsockname()[1]
        self.control_path = os.path.join(folder, "control.sock")
        self.control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.control.bind(self.control_path)
        self.control.listen()
        with open(os.path.join(SOURCE, "etc/demo.conf"), encoding="utf-8") as sample:
            etc = os.path.abspath(os.path.join(SOURCE, "etc"))
            self.good = sample.read().replace("@STATE@", self.state).replace("@RUN@", folder).replace("@ETC@", etc)
        self.write(self.good)

    def write(self, text):
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)

    def spoil(self):
        self.write(self.good + 'timezone = "Nowhere/Land";\n')

    def start(self, sockets=True, watchdog_s=180):
        """Starts the daemon as systemd does; the shell in between knows the pid that LISTEN_PID must name."""
        handed = [self.public.fileno(), self.control.fileno()] if sockets else []
        high = [os.dup2(fd, 100 + i) for i, fd in enumerate(handed)]
        moves = " ".join(f"{LISTEN_START + i}<&{fd}" for i, fd in enumerate(high))
        listen = f"LISTEN_PID=$$ LISTEN_FDS={len(handed)} LISTEN_FDNAMES=http:control " if sockets else ""
        env = {**os.environ, "NOTIFY_SOCKET": os.path.join(self.folder, "notify"), "WATCHDOG_USEC": str(watchdog_s * 1000000),
               "STATE_DIRECTORY": self.state, "RUNTIME_DIRECTORY": self.folder}
        with open(self.log, "ab") as log:
            child = subprocess.Popen(["bash", "-c", f"{listen}exec \"$0\" -c \"$1\" {moves}", os.path.join(BUILD, "cobid"), self.config],
                                     pass_fds=high, env=env, stderr=log, stdout=log)
        for fd in high:
            os.close(fd)
        self.children.append(child)
        return child

    def wait_for(self, *wanted):
        """Reads notices until the lines that begin so have come, in this order; returns the last of them, or None when patience ends."""
        awaited, until = list(wanted), time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            try:
                lines = self.notices.recv(4096).decode().splitlines()
            except socket.timeout:
                return None
            for line in lines:
                if line.startswith(awaited[0]):
                    awaited.pop(0)
                    if not awaited:
                        return line
        return None

    def forget_notices(self):
        self.notices.setblocking(False)
        try:
            while True:
                self.notices.recv(4096)
        except BlockingIOError:
            pass
        self.notices.settimeout(PATIENCE_S)

    def ask(self, *words):
        run = subprocess.run([os.path.join(BUILD, "cobictl"), "--socket", self.control_path, *words], capture_output=True, text=True,
                             timeout=PATIENCE_S, check=False)
        return run.returncode, run.stdout + run.stderr

    def fetch_health(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=PATIENCE_S) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def end(self, child, signal_number):
        child.send_signal(signal_number)
        return child.wait(PATIENCE_S)

    def close(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
                child.wait()


def check_start(checks, host):
    child = host.start()
    checks.ok("it says when it is ready", host.wait_for("READY=1") is not None)
    checks.ok("the self-audit feeds the watchdog", host.wait_for("STATUS=", "WATCHDOG=1") is not None)
    checks.equal("it answers on the listener that was handed over", host.fetch_health(), 200)
    checks.equal("and on the control socket", host.ask("status")[0], 0)
    checks.equal("its health is green", host.ask("health")[0], 0)
    return child


def check_reload(checks, host, child):
    host.forget_notices()
    child.send_signal(signal.SIGHUP)
    checks.ok("a reload is announced and ends", host.wait_for("RELOADING=1", "READY=1", "STATUS=") is not None)
    host.spoil()
    host.forget_notices()
    child.send_signal(signal.SIGHUP)
    said = host.wait_for("RELOADING=1", "READY=1", "STATUS=")
    checks.ok("a reload with a fault ends too", said is not None)
    checks.ok("and the status says so", "configuration" in (said or ""), said)
    checks.ok("the daemon goes on", child.poll() is None and host.ask("clock", "show")[0] == 0)
    checks.equal("with health red", host.ask("health")[0], 1)
    host.write(host.good)
    host.forget_notices()
    child.send_signal(signal.SIGHUP)
    checks.ok("the repaired file is taken", host.wait_for("RELOADING=1", "READY=1", "STATUS=") is not None)
    checks.equal("and health is green again", host.ask("health")[0], 0)


def check_second(checks, host):
    second = host.start(sockets=False)
    try:
        status = second.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        status = None
    checks.ok("a second daemon on the same state is refused", status not in (None, 0), status)


def check_kill(checks, host, child):
    host.end(child, signal.SIGKILL)
    host.forget_notices()
    child = host.start()
    checks.ok("after kill -9 it starts on what is there", host.wait_for("READY=1") is not None)
    checks.ok("and has lost nothing", "north" in host.ask("office", "list")[1])
    return child


def check_bad_start(checks, host, child):
    host.forget_notices()
    checks.equal("SIGTERM ends it in good order", host.end(child, signal.SIGTERM), 0)
    checks.ok("after it has said so", host.wait_for("STOPPING=1") is not None)
    host.spoil()
    host.forget_notices()
    child = host.start()
    checks.ok("a start with a bad file runs on the last accepted one", host.wait_for("READY=1") is not None)
    checks.equal("with health red", host.ask("health")[0], 1)
    checks.ok("on the same data", "north" in host.ask("office", "list")[1])
    checks.equal("and ends in good order", host.end(child, signal.SIGTERM), 0)
    shutil.rmtree(host.state)
    child = host.start()
    checks.equal("a first start with a bad file is refused", child.wait(PATIENCE_S), 1)


def read_heartbeat(host):
    with open(os.path.join(host.folder, "heartbeat"), encoding="ascii") as file:
        return file.read()


def check_heartbeat(checks, host):
    """The dead-man's file is written anew by healthy audits only; the watchdog is fed by all of them, three times in its time."""
    host.write(host.good)
    host.forget_notices()
    child = host.start(watchdog_s=3)
    fed = [host.wait_for("WATCHDOG=1") is not None for _ in range(4)]
    checks.ok("a short watchdog is fed more often", all(fed), fed)
    first = read_heartbeat(host)
    checks.ok("the heartbeat is a number of 12 digits", len(first) == 13 and first[:12].isdigit(), first)
    checks.ok("of seconds since the boot", abs(int(first) - time.clock_gettime(time.CLOCK_BOOTTIME)) < 5, first)
    until = time.monotonic() + PATIENCE_S
    while read_heartbeat(host) == first and time.monotonic() < until:
        time.sleep(0.2)
    checks.ok("it goes on", int(read_heartbeat(host)) > int(first))
    host.spoil()
    checks.ok("a reload that is asked for and refused says why", "refused, still running generation 1: " in host.ask("reload")[1])
    last = read_heartbeat(host)
    host.forget_notices()
    fed = [host.wait_for("STATUS=", "WATCHDOG=1") is not None for _ in range(3)]
    checks.ok("with health red the watchdog is fed", all(fed), fed)
    checks.equal("and the heart does not beat", read_heartbeat(host), last)
    host.forget_notices()
    checks.equal("it ends in good order", host.end(child, signal.SIGTERM), 0)


def check_deadman(checks, host):
    """The dead-man's own judgement."""
    program = os.path.join(SOURCE, "systemd/cobid-deadman")
    beat = os.path.join(host.folder, "beat")
    up = int(time.clock_gettime(time.CLOCK_BOOTTIME))
    cases = {"fresh": (f"{up:012d}\n", 0), "old": (f"{max(up - 100, 0):012d}\n", 1), "empty": ("", 1), "no number": ("12x4567\n", 1),
             "missing": (None, 1)}
    for name, (text, wanted) in cases.items():
        if os.path.exists(beat):
            os.unlink(beat)
        if text is not None:
            with open(beat, "w", encoding="ascii") as file:
                file.write(text)
        run = subprocess.run(["sh", program, beat, "60"], capture_output=True, text=True, check=False)
        checks.equal(f"the dead-man finds a heartbeat that is {name}", (run.returncode, run.stderr.count("\n")), (wanted, wanted))


def check_log(checks, host):
    with open(host.log, encoding="utf-8") as file:
        lines = file.read()
    checks.ok("the log names nobody", not any(word in lines for word in ("North House", "Low Lane", "496 0000")))
    checks.ok("every line has its level", all(line[:1] == "<" and line[2:3] == ">" or ":" in line for line in lines.splitlines()))


def main():
    checks = Checks()
    folder = tempfile.mkdtemp(prefix="cobid-life-")
    host = Host(folder)
    try:
        child = check_start(checks, host)
        added = host.ask("office", "add", "north", "--name", "North House", "--address", "2 Low Lane, Leeds", "--phone", "0113 496 0000")
        checks.equal("a write goes through", added[0], 0)
        check_reload(checks, host, child)
        check_second(checks, host)
        child = check_kill(checks, host, child)
        check_bad_start(checks, host, child)
        check_heartbeat(checks, host)
        check_deadman(checks, host)
        check_log(checks, host)
    finally:
        host.close()
        if checks.failed:
            with open(host.log, encoding="utf-8") as file:
                print("".join(f"# {line}" for line in file.readlines()[-40:]))
        shutil.rmtree(folder)
    checks.finish()


if __name__ == "__main__":
    main()
