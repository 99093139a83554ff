"""Servers of a test: an unprivileged user, ports of 127.0.0.1 that are free, and only what was started here is ended."""
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HOST = "127.0.0.1"
NOBODY = "nobody"


def skip(what, why):
    print(f"SKIP {what}: {why}")
    sys.exit(77)


def need_program(what, *paths):
    """The first of the paths or names that can be run; the test is skipped when there is none."""
    for path in paths:
        found = shutil.which(path, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/sbin")
        if found:
            return found
    return skip(what, "not installed")


def free_ports(count):
    """Different ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for s in sockets:
            s.bind((HOST, 0))
        return [s.getsockname()[1] for s in sockets]
    finally:
        for s in sockets:
            s.close()


def unprivileged():
    """(user, group) that servers run as: ourselves, or nobody when we are root."""
    user = pwd.getpwnam(NOBODY) if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    return user.pw_uid, user.pw_gid


def make_folder(name):
    """A folder that cobid's side owns and in which the servers may reach their own folders."""
    folder = tempfile.mkdtemp(prefix=f"cobid-{name}-")
    os.chmod(folder, 0o711)
    return folder


def make_server_folder(folder, name):
    path = os.path.join(folder, name)
    os.makedirs(path, mode=0o700)
    os.chown(path, *unprivileged())
    return path


def hand_over(path, mode=0o600):
    os.chmod(path, mode)
    os.chown(path, *unprivileged())


class Server:
    """One process of an unprivileged user; its output goes to a file beside its configuration."""

    def __init__(self, folder, name, command):
        self.name = name
        self.command = command
        self.folder = folder
        self.output = os.path.join(folder, name + ".out")
        self.process = None

    def start(self, port, seconds=20):
        user, group = unprivileged()
        more = {} if os.getuid() != 0 else {"user": user, "group": group, "extra_groups": []}
        with open(self.output, "ab") as output:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self.folder,
                                            start_new_session=True, **more)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}: {self.tail()}")
            with socket.socket() as s:
                if s.connect_ex((HOST, port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} does not listen on {port}: {self.tail()}")

    def tail(self):
        with open(self.output, encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:]

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def wait_until(condition, seconds=20):
    """Asks again until it holds; returns whether it did."""
    until = time.monotonic() + seconds
    while True:
        if condition():
            return True
        if time.monotonic() > until:
            return False
        time.sleep(0.1)


def close_folder(folder):
    if os.environ.get("COBID_TEST_KEEP"):
        print(f"# kept: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
