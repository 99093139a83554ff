"""The real cobid with real gateways, and a small cast whose names no small alphabet can write.

The clock is manual: it steps from wake to wake and waits for sends in flight, so a day passes as fast as the servers answer.
"""
import json
import os
import shutil
import signal
import subprocess
import time

import exim
import kannel
from process import HOST, free_ports, make_folder

SOURCE = os.path.abspath(os.environ.get("top_srcdir") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
BUILD = os.path.abspath(os.environ.get("top_builddir", "."))
START = "2027-01-04 08:00"
SENDER = "Apwyntiadau Tŷ Celyn, Gwasanaeth y Gogledd-orllewin"
SENDER_MAIL = "appointments@appointments.example"
OPERATOR = "operator@operations.example"

CONFIG = """timezone = "Europe/London";
state_dir = "{folder}/state";
control_socket = "{folder}/control.sock";
public_url = "http://{host}:{port}";
listen = "{host}:{port}";
templates_dir = "{folder}/templates";
credentials_dir = "{folder}/credentials";
holidays = "{source}/etc/england-and-wales.ics";
clock = "manual";
clock_start = "{start}";
test_numbers = true;
receipt_after = "0";
operator = "{operator}";
sender = {{ name = "{sender}"; sms_from = "Appointment"; email = "{sender_mail}"; reply_to = "office@appointments.example"; }};
gateways = ( {gateways} );
@include "{source}/etc/programmes.conf"
@include "{source}/etc/outcomes.conf"
@include "{source}/etc/reminders.conf"
@include "{source}/etc/escalations.conf"
"""
SPOOL = '{{ name = "{name}"; type = "spool"; channel = "{channel}"; }}'
KANNEL = ('{{ name = "texts"; type = "kannel"; channel = "sms"; url = "{url}"; user = "{user}"; password_credential = "kannel-password";'
          ' timeout = "{timeout}";{hook} }}')
SMTP = ('{{ name = "mail"; type = "smtp"; channel = "email"; url = "smtp://{host}:{port}/appointments.example"; user = "{user}";'
        ' password_credential = "exim-password"; ca_file = "{ca}"; tls = true; timeout = "20s"; }}')


# Texts in Welsh, which the small alphabet cannot write; the project's own wait for a Welsh speaker.
WELSH = {
    "confirmation": "${greeting}Apwyntiad nesaf: ${weekday} ${date}, ${time}${place}. Cynlluniwch eich taith. I newid ffoniwch ${office_phone}. Diolch â chroeso, tŷ ŵyl.",
    "reminder": "${greeting}Nodyn atgoffa: apwyntiad ${weekday} ${date}, ${time}${place}. Tŷ, ŵyl, êl. I newid ffoniwch ${office_phone}.${consequence}",
}


def find_program(name):
    path = os.path.join(BUILD, name)
    if not os.access(path, os.X_OK):
        raise RuntimeError(f"{path} is not built")
    return path


class House:
    def __init__(self, name):
        self.folder = make_folder(name)
        self.port, = free_ports(1)
        self.gateways = {"texts": SPOOL.format(name="texts", channel="sms"), "mail": SPOOL.format(name="mail", channel="email")}
        self.log_path = os.path.join(self.folder, "cobid.log")
        self.process = None
        for path in ("state", "credentials"):
            os.makedirs(os.path.join(self.folder, path), mode=0o700)
        self.write_templates()

    def write_templates(self):
        folder = os.path.join(self.folder, "templates")
        shutil.copytree(os.path.join(SOURCE, "templates", "en"), os.path.join(folder, "en"))
        os.makedirs(os.path.join(folder, "cy"))
        for name, text in WELSH.items():
            with open(os.path.join(folder, "cy", name + ".sms.txt"), "w", encoding="utf-8") as file:
                file.write(f"Audience: participant\n\n{text}\n")

    # ---- gateways ----

    def text_by(self, url, timeout="10s", password=kannel.PASSWORD, hook=None):
        """hook: the secret by which Kannel may report and pass texts on."""
        self.gateways["texts"] = KANNEL.format(url=url, user=kannel.USER, timeout=timeout, hook=' hook_credential = "hook";' if hook else "")
        if hook:
            self.set_password("hook", hook)
        self.set_password("kannel-password", password)

    def mail_by(self, port, ca, password=exim.PASSWORD):
        self.gateways["mail"] = SMTP.format(host=HOST, port=port, user=exim.USER, ca=ca)
        self.set_password("exim-password", password)

    def set_password(self, name, password):
        path = os.path.join(self.folder, "credentials", name)
        with open(os.open(path + ".new", os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write(password + "\n")
        os.rename(path + ".new", path)

    # ---- the daemon ----

    def start(self):
        config = os.path.join(self.folder, "cobid.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(folder=self.folder, host=HOST, port=self.port, source=SOURCE, start=START, operator=OPERATOR, sender=SENDER,
                                     sender_mail=SENDER_MAIL, gateways=", ".join(self.gateways.values())))
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([find_program("cobid"), "-c", config], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for _ in range(400):
            if self.process.poll() is not None:
                raise RuntimeError(f"cobid ended with {self.process.returncode}: {self.log()}")
            if self.run("health").returncode == 0:
                return
            time.sleep(0.05)
        raise RuntimeError(f"cobid is not healthy: {self.run('health').stdout} {self.log()}")

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def stop(self):
        """Returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    # ---- its command ----

    def run(self, *arguments):
        return subprocess.run([find_program("cobictl"), "--socket", os.path.join(self.folder, "control.sock"), "--json", *arguments],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=300, check=False)

    def ctl(self, *arguments):
        answer = self.run(*arguments)
        if answer.returncode != 0:
            raise RuntimeError(f"cobictl {' '.join(arguments)}: exit {answer.returncode}: {answer.stderr.decode()} {self.log()[-1000:]}")
        return json.loads(answer.stdout)

    def go(self, local):
        self.ctl("clock", "set", local)

    def messages(self, **wanted):
        """Messages by their fields: messages(channel="sms", state="accepted")."""
        return [m for m in self.ctl("message", "list") if all(m[name] == value for name, value in wanted.items())]

    def shown(self, **wanted):
        return [self.ctl("message", "show", m["id"]) for m in self.messages(**wanted)]

    def session(self, participant, number):
        return next(s for s in self.ctl("session", "list", "--participant", participant) if s["number"] == number)

    # ---- people ----

    def add_cast(self, **changes):
        """changes: mail addresses other than the usual ones, by id."""
        def mail(person, usual):
            return ("--email", changes.get(person, usual))

        self.ctl("office", "add", "north", "--name", "Swyddfa'r Gogledd", "--address", "1 North Street, Bangor", "--phone", "0113 496 0000", "--rooms", "2")
        self.ctl("supervisor", "add", "chief", "--name", "Siân Llŷr", *mail("chief", "chief@service.example"))
        self.ctl("supervisor", "add", "lead", "--name", "Llŷr ap Gruffydd", *mail("lead", "lead@service.example"), "--next", "chief")
        self.ctl("practitioner", "add", "ada", "--name", "Ŵan Môn-Ŷnys", *mail("ada", "ada@service.example"), "--office", "north",
                 "--hours", "Mon-Fri 09:00-17:30", "--supervisor", "lead")
        self.ctl("officer", "add", "olga", "--name", "Olga Officer", *mail("olga", "olga@police.example"), "--organisation", "Heddlu")
        self.ctl("advocate", "add", "haven", "--service", "Haven", "--name", "Vera Advocate", *mail("haven", "cases@haven.example"))
        self.ctl("advocate", "add", "beacon", "--service", "Beacon", "--name", "Will Advocate", *mail("beacon", "team@beacon.example"))
        common = ("--programme", "cobi-12", "--practitioner", "ada", "--office", "north", "--start", "2027-01-05")
        # all of the small alphabet, its extension included
        self.ctl("participant", "add", "P-1001", *common, "--route", "spo", "--name", "Åse Ñúñez", "--mobile", "07700 900101",
                 *mail("P-1001", "pat@home.example"), "--officer", "olga", "--officer-ref", "SPO-44", "--prefer", "Tue 14:00",
                 "--place-label", "Café Ö [rear] ~ £5 €{x}")
        # letters that it lacks
        self.ctl("participant", "add", "P-1002", *common, "--route", "voluntary", "--name", "Kim Two", "--mobile", "07700 900102", "--prefer", "Wed 10:00",
                 "--language", "cy", "--place-label", "Tŷ Celyn")
        self.ctl("participant", "add", "P-1003", *common, "--route", "voluntary", "--name", "Siôn Tri", *mail("P-1003", "jo@home.example"),
                 "--greeting", "first-name", "--prefer", "Thu 11:00", "--place-label", "Tŷ'r Ŵyl “Ŷ” – llawr 1")
        self.ctl("advocate", "link", "haven", "--participant", "P-1001", "--case-ref", "HV-2027/ŵ")
        self.ctl("advocate", "link", "beacon", "--participant", "P-1001", "--case-ref", "B/118")

    def plan_all(self):
        for participant in ("P-1001", "P-1002", "P-1003"):
            self.ctl("participant", "plan", participant)

    def record(self, participant, number, outcome):
        """Lets the clock run to 20 minutes after the start and records the outcome."""
        session = self.session(participant, number)
        self.go(session["local"].replace("T", " ")[:-2] + "20")
        self.ctl("session", "outcome", session["id"], outcome, "--as", "ada")

    def attend(self, participant, number):
        self.record(participant, number, "ATTC")

    def miss(self, participant, number):
        self.record(participant, number, "AFTA")
