"""What the parts of `make bench` share: lines, rounds, folders, a daemon of their own.

Each line is "bench NAME VALUE UNIT". What is compared runs in turn, A B A B, so that a machine that changes its speed changes it for
both; a ratio is the median of the ratios pair by pair.
"""
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request

SOURCE = os.path.abspath(os.environ.get("top_srcdir") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
BUILD = os.path.abspath(os.environ.get("top_builddir", "."))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "2"))
MESSAGES = int(os.environ.get("BENCH_MESSAGES", "4000"))
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, CLIENT_CORE = str(CORES[0]), str(CORES[-1])


class Skipped(Exception):
    """Something this machine lacks, by name."""


def line(name, value, unit):
    text = value if isinstance(value, str) else f"{value:.0f}" if value >= 1000 else f"{value:.4g}"
    print(f"bench {name} {text} {unit}", flush=True)


def rows(name, ours, theirs, their_name, unit):
    """The ratio of each pair, and the raw medians of both sides."""
    ratios = [a / b for a, b in zip(ours, theirs)]
    line(name, statistics.median(ratios), "ratio")
    line(f"{name}_lowest", min(ratios), "ratio")
    line(f"{name}_highest", max(ratios), "ratio")
    line(f"{name}_cobid", statistics.median(ours), unit)
    line(f"{name}_{their_name}", statistics.median(theirs), unit)


def need(program, package):
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if not path:
        raise Skipped(f"{program} is not installed (package {package})")
    return path


def built(name):
    path = os.path.join(BUILD, name)
    if not os.access(path, os.X_OK):
        raise RuntimeError(f"{path} is not built: use `make bench`")
    return path


def pinned(core, *command):
    return ["taskset", "-c", core, *command]


def output(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{os.path.basename(command[0])} ended with {done.returncode}: {done.stderr.strip()[-400:]}")
    return done.stdout


def cpu_seconds(pid):
    """Processor time of a process and of those it waited for, from /proc."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def folder():
    """On a real disk: what a commit costs is part of what is measured."""
    path = tempfile.mkdtemp(prefix="bench-", dir=BUILD)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def running(command, **more):
    """A process that ends with the block; by SIGTERM, and only itself."""
    process = subprocess.Popen(command, **more)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def write_config(path, port, sms_gateway=None, more=""):
    etc = os.path.join(SOURCE, "etc")
    sms = sms_gateway or '{ name = "texts"; type = "spool"; channel = "sms"; }'
    lines = [
        'timezone = "Europe/London";', f'state_dir = "{path}";', f'control_socket = "{path}/control.sock";',
        f'public_url = "http://127.0.0.1:{port}";', f'listen = "127.0.0.1:{port}";', f'templates_dir = "{SOURCE}/templates";',
        f'holidays = "{etc}/england-and-wales.ics";', "test_numbers = true;", 'receipt_after = "0";', 'operator = "operator@example.org";',
        'sender = { name = "Appointments"; sms_from = "Appointment"; email = "appointments@example.org"; };',
        # Whenever it is measured, messages may leave.
        'send_window = { from = "00:00"; to = "24:00"; quiet_from = "00:00"; quiet_to = "24:00"; early_from = "00:00"; margin = "1m"; };',
        f'gateways = ( {sms}, {{ name = "mail"; type = "spool"; channel = "email"; }} );',
    ]
    lines += [f'@include "{etc}/{name}.conf"' for name in ("programmes", "outcomes", "reminders", "escalations")]
    config = os.path.join(path, "cobid.conf")
    with open(config, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n" + more)
    return config


@contextlib.contextmanager
def daemon(config, port):
    """cobid on its core, from the moment it answers."""
    log = config + ".log"
    with open(log, "ab") as errors, running(pinned(SERVER_CORE, built("cobid"), "-c", config), stderr=errors) as process:
        for _ in range(200):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/robots.txt", timeout=5).read()
                break
            if process.poll() is not None:
                break
            time.sleep(0.05)
        else:
            raise RuntimeError("cobid does not answer")
        if process.poll() is not None:
            with open(log, encoding="utf-8") as file:
                raise RuntimeError(f"cobid ended: {file.read()[-400:]}")
        yield process


def seed(path, what, count):
    return output([built("tests/bench/seed"), path, what, str(count)]).strip()


def ask(process, question):
    process.stdin.write(question + "\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


__all__ = ["CLIENT_CORE", "MESSAGES", "ROUNDS", "SECONDS", "SERVER_CORE", "SOURCE", "Skipped", "ask", "built", "cpu_seconds", "daemon", "folder", "free_port",
           "json", "line", "need", "output", "pinned", "rows", "running", "seed", "write_config"]
