"""The real cobid and cobictl in a folder of their own, on free ports of 127.0.0.1, with the configuration that the project ships.

A world starts, reloads, kills and stops its daemon and nothing else. Its clock is manual: time passes only when a test says so.
"""
import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
from datetime import datetime, timezone

SOURCE = os.environ.get("top_srcdir") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../..")
BUILD = os.environ.get("top_builddir", ".")
PUBLIC_HOST = "127.0.0.1"
SENDER_DOMAIN = "appointments.example"
OPERATOR = "operator@operations.example"
DONE_BY_COMMAND = ("decide_absence", "approve_correction", "plan_catch_up")  # tasks that are done by session decide and so on
# What a look at the daemon may write: who consulted what, when a feed was read, and the clock itself.
NOT_CASE_DATA = {"access_log": None, "meta": None, "feed": "fetched_us"}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def make_folder(prefix):
    """A temporary folder, in memory where there is one: the disk is not what is tested. COBI_TEST_FOLDER says another place."""
    parent = os.environ.get("COBI_TEST_FOLDER") or ("/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    return tempfile.mkdtemp(prefix=prefix, dir=parent)


def instant(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


class Refused(Exception):
    """cobictl ended with another status than was expected."""


class Wire:
    """One connection to the control socket that stays open, for many requests in a row."""

    def __init__(self, path):
        self.path, self.socket, self.reader = path, None, None

    def post(self, target, body):
        """Returns (status, body of the answer); raises OSError when the daemon does not answer."""
        for attempt in (1, 2):
            try:
                return self.send(target, body)
            except OSError:
                self.close()
                if attempt == 2:
                    raise
        return None

    def send(self, target, body):
        if self.socket is None:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(10)
            self.socket.connect(self.path)
            self.reader = self.socket.makefile("rb")
        self.socket.sendall(f"POST {target} HTTP/1.1\r\nHost: control\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        line = self.reader.readline()
        if not line.startswith(b"HTTP/1.1 "):
            raise ConnectionError("no answer")
        headers = {}
        while (header := self.reader.readline().strip()):
            name, _, value = header.partition(b":")
            headers[name.lower()] = value.strip()
        answer = self.reader.read(int(headers.get(b"content-length", b"0")))
        if headers.get(b"connection", b"").lower() == b"close":
            self.close()
        return int(line.split(b" ")[1]), answer

    def close(self):
        if self.socket is not None:
            self.reader.close()
            self.socket.close()
        self.socket = None


class Watch:
    """Notices any commit of the daemon, cheaply."""

    def __init__(self, world):
        self.db = world.database()
        self.version = self.read()

    def read(self):
        return self.db.execute("PRAGMA data_version").fetchone()[0]

    def changed(self):
        before, self.version = self.version, self.read()
        return self.version != before


class World:
    def __init__(self, name, clock_start, sms_url=None, smtp_port=None):
        self.folder = make_folder(name + "-")
        self.port = free_port()
        self.url = f"http://{PUBLIC_HOST}:{self.port}"
        self.socket = os.path.join(self.folder, "control.sock")
        self.config = os.path.join(self.folder, "cobid.conf")
        self.state = os.path.join(self.folder, "state")
        self.log = os.path.join(self.folder, "stderr")
        self.clock_start = clock_start
        self.gateways = self._gateways(sms_url, smtp_port)
        self.process = None
        self.commands = 0
        self.wrap = lambda command: command  # how the daemon is run
        self.templates = os.path.join(self.folder, "templates")
        self._sign_templates()
        os.makedirs(self.state, mode=0o700)
        self.write_config()

    def _sign_templates(self):
        """The shipped texts, the Welsh ones no longer drafts: as at a site where a Welsh speaker has signed them."""
        shutil.copytree(os.path.join(SOURCE, "templates"), self.templates, copy_function=shutil.copyfile)
        for folder in (self.templates, os.path.join(self.templates, "en"), os.path.join(self.templates, "cy")):
            os.chmod(folder, 0o700)  # the source may be read-only
        for name in os.listdir(os.path.join(self.templates, "cy")):
            path = os.path.join(self.templates, "cy", name)
            with open(path, encoding="utf-8") as file:
                text = file.read()
            with open(path, "w", encoding="utf-8") as file:
                file.write(text.replace("Draft: yes\n", "", 1))

    @staticmethod
    def _gateways(sms_url, smtp_port):
        sms = '{ name = "texts"; type = "spool"; channel = "sms"; }'
        mail = '{ name = "mail"; type = "spool"; channel = "email"; }'
        if sms_url:
            sms = f'{{ name = "texts"; type = "http"; channel = "sms"; url = "{sms_url}"; body = "json"; id_pointer = "/id"; timeout = "10s"; }}'
        if smtp_port:
            mail = (f'{{ name = "mail"; type = "smtp"; channel = "email"; url = "smtp://127.0.0.1:{smtp_port}/{SENDER_DOMAIN}";'
                    ' tls = false; timeout = "20s"; in_flight_max = 32; }')
        return f"gateways = ( {sms}, {mail} );"

    def write_config(self, more="", templates=None):
        etc = os.path.abspath(os.path.join(SOURCE, "etc"))
        lines = [
            'timezone = "Europe/London";', f'state_dir = "{self.state}";', f'control_socket = "{self.socket}";',
            f'public_url = "{self.url}";', f'listen = "{PUBLIC_HOST}:{self.port}";', f'templates_dir = "{templates or self.templates}";',
            f'holidays = "{etc}/england-and-wales.ics";', 'clock = "manual";', f'clock_start = "{self.clock_start}";',
            "test_numbers = true;", 'receipt_after = "0";', f'operator = "{OPERATOR}";',
            f'sender = {{ name = "Appointments"; sms_from = "Appointment"; email = "appointments@{SENDER_DOMAIN}";'
            f' staff_email = "sessions@{SENDER_DOMAIN}"; }};',
            self.gateways,
        ]
        lines += [f'@include "{etc}/{name}.conf"' for name in ("programmes", "outcomes", "reminders", "escalations")]
        with open(self.config, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n" + more)

    # ---- the process ----

    def start(self, **environment):
        """As systemd does: a file that cannot be read at all does not say where the last accepted one lies, STATE_DIRECTORY does."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.wrap([os.path.join(BUILD, "cobid"), "-c", self.config]), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**os.environ, "STATE_DIRECTORY": self.state, **environment})
        for _ in range(400):
            if self.process.poll() is not None:
                raise RuntimeError(f"cobid ended with {self.process.returncode}: {self.log_text()[-2000:]}")
            if self.call("/clock/show") is not None:
                return
            time.sleep(0.025)
        raise RuntimeError("cobid does not answer")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """Returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()
        if os.environ.get("COBID_TEST_KEEP"):
            print(f"# kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def log_text(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    # ---- asking ----

    def run(self, *arguments, timeout=120):
        self.commands += 1
        return subprocess.run([os.path.join(BUILD, "cobictl"), "--socket", self.socket, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=timeout, check=False)

    def ctl(self, *arguments):
        """Runs a command that must succeed; returns its document."""
        answer = self.run("--json", *arguments)
        if answer.returncode != 0:
            raise Refused(f"cobictl {' '.join(arguments)}: exit {answer.returncode}: {answer.stderr.decode('utf-8', 'replace').strip()}")
        return json.loads(answer.stdout)

    def begin(self, *arguments):
        """Starts a command; its document is asked for by end()."""
        self.commands += 1
        return subprocess.Popen([os.path.join(BUILD, "cobictl"), "--socket", self.socket, "--json", *arguments], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    @staticmethod
    def end(begun):
        out, err = begun.communicate(timeout=120)
        if begun.returncode != 0:
            raise Refused(f"exit {begun.returncode}: {err.decode('utf-8', 'replace').strip()}")
        return json.loads(out)

    def attempt(self, *arguments):
        """Runs a command that may be refused; returns its document, or None when it was refused in one line with exit 1."""
        answer = self.run("--json", *arguments)
        if answer.returncode == 0:
            return json.loads(answer.stdout)
        if answer.returncode != 1 or answer.stderr.count(b"\n") != 1 or not answer.stderr.startswith(b"cobictl: "):
            raise Refused(f"cobictl {' '.join(arguments)}: exit {answer.returncode}: {answer.stderr!r}")
        return None

    def exchange(self, raw, timeout=5):
        """Bytes to the control socket and all bytes that come back; None when nobody answers."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as s:
            s.settimeout(timeout)
            s.connect(self.socket)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                s.sendall(raw)
            parts = []
            with contextlib.suppress(ConnectionResetError, TimeoutError):
                while part := s.recv(65536):
                    parts.append(part)
            return b"".join(parts)
        return None

    def call(self, path, body=b"{}"):
        """A POST to the control socket; the document, or None when nobody answers or the status is not 200."""
        head = f"POST {path} HTTP/1.1\r\nHost: control\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        answer = self.exchange(head.encode() + body)
        if not answer or not answer.startswith(b"HTTP/1.1 200"):
            return None
        return json.loads(answer.split(b"\r\n\r\n", 1)[1])

    def now(self):
        """The daemon's time, asked over the socket; None while it is not there."""
        answer = self.call("/clock/show")
        return instant(answer["now"]) if answer else None

    # ---- the database, read only ----

    def database(self):
        return sqlite3.connect(f"file:{self.state}/cobid.db?mode=ro", uri=True, timeout=10)

    def dump(self):
        """A hash of every table of case data: {table: hash}."""
        result = {}
        with contextlib.closing(self.database()) as db:
            for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type='table' ORDER BY name").fetchall():
                hidden = NOT_CASE_DATA.get(table, "")
                if hidden is None:
                    continue
                columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})") if row[1] != hidden]
                digest = hashlib.sha256()
                for row in db.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY {', '.join(columns)}"):
                    digest.update(repr(row).encode())
                result[table] = digest.hexdigest()
        return result

    def rows(self, sql):
        with contextlib.closing(self.database()) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(sql)]


def from_us(us):
    return datetime.fromtimestamp(us / 1e6, tz=timezone.utc)


def changed_tables(before, after):
    return sorted(t for t in before if before[t] != after.get(t))
