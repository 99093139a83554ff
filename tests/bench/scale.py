#!/usr/bin/env python3
"""What cobid costs when there are ten thousand people: start, memory, rest, and two days of messages overdue at once.

usage: scale.py rest|drain|paced|growth [NAME=VALUE]...    prints lines `bench NAME VALUE UNIT`
Builds a store (scale_make), starts the real daemon on it with a gateway on 127.0.0.1, and ends only what it started. NAME=VALUE changes the
plan of the store, or one of: rate, flight (of the gateways), seconds (how long is looked), sizes (of growth, with commas).
"""
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from scale_gateway import Gateway, Poller  # noqa: E402

SOURCE = os.path.abspath(os.environ.get("top_srcdir", "."))
BUILD = os.path.abspath(os.environ.get("top_builddir", "."))
PATIENCE_S = 600
CONFIG = """
timezone = "Europe/London";
state_dir = "{folder}/state";
control_socket = "{folder}/control.sock";
public_url = "http://127.0.0.1:{port}";
listen = "127.0.0.1:{port}";
templates_dir = "{source}/templates";
holidays = "{source}/etc/england-and-wales.ics";
test_numbers = true;
receipt_after = "0";
operator = "operator@example.org";
# Open at all hours, so that it does not matter when this is run.
send_window = {{ from = "00:00"; to = "24:00"; early_from = "00:00"; quiet_from = "00:00"; quiet_to = "24:00"; }};
sender = {{ name = "Appointments"; sms_from = "Appointment"; email = "appointments@example.org"; }};
gateways = (
    {{ name = "texts"; type = "http"; channel = "sms"; url = "{url}"; body = "json"; id_pointer = "/id"; in_flight_max = {flight}; {pace} }},
    {{ name = "mails"; type = "http"; channel = "email"; url = "{url}"; body = "json"; id_pointer = "/id"; in_flight_max = {flight}; {pace} }}
);
@include "{source}/etc/programmes.conf"
@include "{source}/etc/outcomes.conf"
@include "{source}/etc/reminders.conf"
@include "{source}/etc/escalations.conf"
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Trial:
    """A store, a gateway and the daemon on them."""

    def __init__(self, flight=64, rate=""):
        self.folder = tempfile.mkdtemp(prefix="cobid-scale-")
        self.gateway = Gateway(os.path.join(self.folder, "gateway.log"))
        self.port, self.daemon, self.notices = free_port(), None, None
        self.config = os.path.join(self.folder, "cobid.conf")
        self.database = os.path.join(self.folder, "state", "cobid.db")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(folder=self.folder, source=SOURCE, port=self.port, url=self.gateway.url, flight=flight,
                                     pace=f'rate = "{rate}";' if rate else ""))

    def make(self, **plan):
        subprocess.run([os.path.join(BUILD, "tests/bench/scale_make"), self.config, *(f"{k}={v}" for k, v in plan.items())], check=True)

    def start(self):
        """Starts the daemon; returns the milliseconds until it said that it is ready."""
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notices.bind(os.path.join(self.folder, "notify"))
        self.notices.settimeout(PATIENCE_S)
        begun = time.monotonic()
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.daemon = subprocess.Popen([os.path.join(BUILD, "cobid"), "-c", self.config], stderr=log,
                                           env={**os.environ, "NOTIFY_SOCKET": os.path.join(self.folder, "notify")})
        while b"READY=1" not in self.notices.recv(4096):
            pass
        return (time.monotonic() - begun) * 1000

    def field(self, file, name):
        with open(f"/proc/{self.daemon.pid}/{file}", encoding="utf-8") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith(name))

    def cpu_s(self):
        with open(f"/proc/{self.daemon.pid}/stat", encoding="utf-8") as file:
            user, system = file.read().rsplit(")", 1)[1].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def query(self, sql):
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as witness:
            return witness.execute(sql).fetchall()

    def ask(self, path, document="{}"):
        """A command on the control socket; returns the answer's body."""
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(os.path.join(self.folder, "control.sock"))
            control.sendall(f"POST {path} HTTP/1.0\r\nContent-Length: {len(document)}\r\n\r\n{document}".encode())
            whole = b""
            while more := control.recv(65536):
                whole += more
        return whole.split(b"\r\n\r\n", 1)[1]

    def stop(self):
        if self.daemon and self.daemon.poll() is None:
            self.daemon.terminate()
            self.daemon.wait()

    def close(self):
        self.stop()
        self.gateway.close()
        if os.environ.get("COBI_KEEP"):
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


def bench(name, value, unit):
    print(f"bench {name} {value:.3f} {unit}" if isinstance(value, float) else f"bench {name} {value} {unit}", flush=True)


def at(sorted_values, share):
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))]


WAITING = ("SELECT (SELECT count(*) FROM message WHERE state IN('queued','sending','uncertain') AND wake_us<=?1)"
           "+(SELECT count(*) FROM session WHERE wake_us<=?1)")


def wait_until_drained(trial):
    while trial.query(WAITING.replace("?1", str(int(time.time() * 1e6))))[0][0] > 0:
        time.sleep(0.5)
        assert trial.daemon.poll() is None, "the daemon ended"


def measure_drain(trial, options, prefix="drain"):
    plan = {"participants": 10000, "sessions": 12, "begun": 3, "expired": 90000, "reminders": 5000, "escalations": 5000, **options}
    trial.make(**plan)
    bench(f"{prefix}_ready", trial.start(), "ms")
    poller = Poller(trial.port, os.path.join(trial.folder, "poll.log"))
    begun = time.monotonic()
    wait_until_drained(trial)
    seconds, cpu = time.monotonic() - begun, trial.cpu_s()
    answers = poller.close()
    bench(f"{prefix}_rss", trial.field("status", "VmHWM:") / 1024, "MB")
    trial.stop()
    time.sleep(0.7)
    notes = trial.gateway.notes()
    bench(f"{prefix}_time", seconds, "s")
    bench(f"{prefix}_cpu", cpu, "s")
    bench(f"{prefix}_messages", trial.query("SELECT count(*) FROM message WHERE wake_us IS NULL")[0][0] / seconds, "/s")
    bench(f"{prefix}_sent", len(notes), "messages")
    bench(f"{prefix}_latency_median", at(answers, 0.5), "ms")
    bench(f"{prefix}_latency_99", at(answers, 0.99), "ms")
    bench(f"{prefix}_latency_worst", answers[-1], "ms")
    for row in trial.query("SELECT kind,audience,state,reason,count(*) FROM message GROUP BY 1,2,3,4 ORDER BY 1,2,3,4"):
        print("#", *row)
    for row in trial.query("SELECT kind,state,count(*) FROM task GROUP BY 1,2"):
        print("# task", *row)
    return notes


def count_wakes(trial, seconds):
    """Wake-ups a minute: the times that the process gave up its processor by itself."""
    before = trial.field("status", "voluntary_ctxt_switches:")
    time.sleep(seconds)
    return (trial.field("status", "voluntary_ctxt_switches:") - before) * 60 / seconds


def fill_feeds(trial):
    """A feed of every practitioner, fetched plain and compressed."""
    for practitioner in trial.query("SELECT id FROM practitioner ORDER BY id"):
        url = json.loads(trial.ask("/feed/create", json.dumps({"practitioner": practitioner[0]})))["url"]
        for coding in ("identity", "gzip"):
            request = urllib.request.Request(url, headers={"Accept-Encoding": coding})
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                answer.read()


def measure_rest(trial, options):
    seconds = int(options.pop("seconds", 180))
    trial.make(**{"participants": 10000, "sessions": 12, **options})
    bench("rest_sessions", trial.query("SELECT count(*) FROM session")[0][0], "sessions")
    bench("rest_ready", trial.start(), "ms")
    time.sleep(3)
    bench("rest_rss", trial.field("smaps_rollup", "Rss:") / 1024, "MB")
    bench("rest_pss", trial.field("smaps_rollup", "Pss:") / 1024, "MB")
    times = []
    for _ in range(40):
        begun = time.monotonic()
        trial.ask("/health")
        times.append((time.monotonic() - begun) * 1000)
    bench("rest_audit", sorted(times)[20], "ms")
    bench("rest_wakes", count_wakes(trial, seconds), "/minute")
    fill_feeds(trial)
    bench("rest_rss_feeds", trial.field("smaps_rollup", "Rss:") / 1024, "MB")
    bench("rest_pss_feeds", trial.field("smaps_rollup", "Pss:") / 1024, "MB")


def measure_paced(trial, options):
    """So many messages wait for a gateway that takes 40 a second: what that costs while it lasts."""
    seconds = int(options.pop("seconds", 30))
    trial.make(**{"participants": 10000, "sessions": 12, "reminders": 60000, "escalations": 200, **options})
    trial.start()
    poller = Poller(trial.port, os.path.join(trial.folder, "poll.log"))
    time.sleep(5)
    before, begun, sent = trial.cpu_s(), time.monotonic(), len(trial.gateway.notes())
    time.sleep(seconds)
    cpu, passed, left = trial.cpu_s() - before, time.monotonic() - begun, len(trial.gateway.notes()) - sent
    answers = poller.close()
    bench("paced_waiting", trial.query("SELECT count(*) FROM message WHERE state='queued'")[0][0], "messages")
    bench("paced_rate", left / passed, "/s")
    bench("paced_cpu", 100 * cpu / passed, "%")
    bench("paced_latency_99", at(answers, 0.99), "ms")
    bench("paced_latency_worst", answers[-1], "ms")


def count_instructions(trial, now):
    out = os.path.join(trial.folder, "callgrind.out")
    run = subprocess.run(["valgrind", "--tool=callgrind", "--toggle-collect=scale_measure*", f"--callgrind-out-file={out}",
                          os.path.join(BUILD, "tests/bench/scale_turn"), trial.config, str(now)], check=True, capture_output=True, text=True)
    with open(out, encoding="utf-8") as file:
        total = next(int(line.split()[1]) for line in file if line.startswith(("summary:", "totals:")))
    return total, int(run.stdout)


def measure_growth(options):
    """Instructions for each due reminder, from small to large."""
    if not shutil.which("valgrind"):
        print("bench growth skipped: no valgrind")
        return
    first = None
    now = 1799172000  # Tuesday 2027-01-05 18:00 in London: the main reminder of the next day's sessions is due
    for size in (int(word) for word in options.pop("sizes", "1000,10000,100000,1000000").split(",")):
        trial = Trial()
        try:
            trial.make(participants=(size + 11) // 12, sessions=12, due=50, now=now)
            total, sent = count_instructions(trial, now)
        finally:
            trial.close()
        each = total / max(sent, 1)
        first = first or each
        bench(f"growth_{size}", round(each), "instructions")
        bench(f"growth_{size}_reminders", sent, "messages")
    bench("growth", each / first, "ratio")


def main():
    what, options = sys.argv[1], dict(word.split("=") for word in sys.argv[2:])
    if what == "growth":
        measure_growth(options)
        return
    trial = Trial(rate=options.pop("rate", "40/s" if what == "paced" else ""), flight=options.pop("flight", "64"))
    try:
        {"drain": measure_drain, "rest": measure_rest, "paced": measure_paced}[what](trial, options)
    finally:
        trial.close()


if __name__ == "__main__":
    main()
