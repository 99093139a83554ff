"""A mail relay that misbehaves on request: the local part of the recipient names what it does.

Threads and blocking sockets, because STARTTLS in the middle of a connection is simplest so. Mail that it takes responsibility for is put into a Maildir
folder. Every command is recorded (never a password).
"""
import base64
import os
import re
import socket
import ssl
import subprocess
import threading
import time

RCPT_REPLIES = {
    "unknown": "550 5.1.1 No such mailbox", "bare": "550 No such mailbox", "full": "552 5.2.2 Mailbox full", "policy": "554 5.7.1 Blocked by policy",
    "moved": "551-5.1.6 This one moved\r\n551 5.1.6 long ago", "greylist": "450 4.2.1 Greylisted", "needauth": "530 5.7.0 Authentication required",
}
FROM_REPLIES = {"refused": "550 5.7.1 Sender refused", "deferred": "451 4.7.0 Sender deferred", "odd": "553 5.1.8 Bad sender"}
END_REPLIES = {"data550": "554 5.6.0 Content refused", "data451": "451 4.3.0 Local error", "exim": "250 OK id=1xUuiJ-0006EL-2T", "weird": "252 Perhaps"}


def make_certificate(folder):
    """Returns the paths of a self-signed certificate for 127.0.0.1 and its key."""
    key, certificate = os.path.join(folder, "relay-key.pem"), os.path.join(folder, "relay-cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=double",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key


class Dialogue:
    """One connection."""

    def __init__(self, double, connection):
        self.double = double
        self.connection = connection
        self.reader = connection.makefile("rb")
        self.secure = False
        self.signed_in = False
        self.sender = self.recipient = None

    def say(self, text):
        self.connection.sendall(text.encode("ascii") + b"\r\n")

    def line(self):
        line = self.reader.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the client is gone")
        return line[:-2].decode("ascii")

    def encrypt(self):
        self.reader.close()
        self.connection = self.double.context.wrap_socket(self.connection, server_side=True)
        self.reader = self.connection.makefile("rb")
        self.secure = True

    def run(self):
        if self.double.tls == "implicit":
            self.encrypt()
        self.say(self.double.greeting)
        while True:
            line = self.line()
            verb = line.split(" ")[0].upper()
            self.double.note(verb if verb == "AUTH" else line)
            if not getattr(self, "do_" + verb.lower(), self.do_other)(line):
                return

    def do_other(self, _line):
        self.say("502 5.5.1 What?")
        return True

    def do_ehlo(self, line):
        lines = ["relay.example", "SIZE 1048576"]
        if self.double.tls == "starttls" and not self.secure:
            lines.append("STARTTLS")
        if self.double.password is not None:
            lines.append("AUTH PLAIN LOGIN")
        for i, text in enumerate(lines):
            self.say(f"250{' ' if i == len(lines) - 1 else '-'}{text}")
        return True

    def do_starttls(self, _line):
        self.say("220 2.0.0 Go ahead")
        self.encrypt()
        return True

    def do_auth(self, line):
        words = line.split(" ")
        if words[1].upper() != "PLAIN":
            self.say("504 5.5.4 Only PLAIN")
            return True
        if len(words) < 3:
            self.say("334 ")
            words.append(self.line())
        _, user, password = base64.b64decode(words[2]).decode("utf-8").split("\0")
        if self.double.password == "later":
            self.say("454 4.7.0 Temporary failure")
        elif password != self.double.password:
            self.say("535 5.7.8 Wrong")
        else:
            self.signed_in = bool(user)
            self.say("235 2.7.0 Welcome")
        return True

    def do_mail(self, line):
        self.sender = re.search(r"<([^>]*)>", line)[1]
        self.say(FROM_REPLIES.get(self.sender.split("@")[0], "250 2.1.0 Fine"))
        return True

    def do_rcpt(self, line):
        self.recipient = re.search(r"<([^>]*)>", line)[1]
        name = self.recipient.split("@")[0]
        if name == "busy":
            self.say("421 4.3.2 Too busy")
            return False
        if name == "rcptdrop":
            return False
        if name == "rcpthang":
            self.double.ending.wait(15)
            return False
        self.say(RCPT_REPLIES.get(name, "250 2.1.5 Fine"))
        return True

    def do_data(self, _line):
        name = self.recipient.split("@")[0]
        if name == "nodata":
            self.say("554 5.5.0 No data")
            return True
        self.say("354 Go on")
        if name == "middrop":
            self.reader.readline()
            return False
        lines = []
        while (line := self.reader.readline()) != b".\r\n":
            if not line:
                raise ConnectionError("cut")
            lines.append(line[1:] if line.startswith(b".") else line)
        if name == "datalost":
            return False
        if name in ("data550", "data451", "weird"):
            self.say(END_REPLIES[name])
            return True
        self.double.keep(b"".join(lines))
        if name == "datadrop":
            return False
        if name.startswith("slow"):
            time.sleep(int(name[4:]))
        if name == "hang":
            self.double.ending.wait(15)
            return False
        self.say(END_REPLIES.get(name, "250 2.0.0 Ok: queued as 4F1B2C"))
        return True

    def do_rset(self, _line):
        self.say("250 2.0.0 Fine")
        return True

    def do_quit(self, _line):
        if self.double.quit_silent:
            self.double.ending.wait(15)
            return False
        self.say("221 2.0.0 Bye")
        return False


class SmtpDouble:
    def __init__(self, folder, tls="none", certificate=None, password=None, greeting="220 relay.example ready", quit_silent=False):
        self.tls, self.password, self.greeting, self.quit_silent = tls, password, greeting, quit_silent
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*certificate)
        self.folder = folder
        for part in ("tmp", "new", "cur"):
            os.makedirs(os.path.join(folder, part), exist_ok=True)
        self.lock = threading.Lock()
        self.commands = []
        self.connections = 0
        self.kept = 0
        self.ending = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=32)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, name=""):
        return f"{'smtps' if self.tls == 'implicit' else 'smtp'}://127.0.0.1:{self.port}/{name}"

    def note(self, command):
        with self.lock:
            self.commands.append(command)

    def keep(self, mail):
        with self.lock:
            self.kept += 1
            name = f"{self.kept}.double"
        with open(os.path.join(self.folder, "tmp", name), "wb") as file:
            file.write(mail)
        os.rename(os.path.join(self.folder, "tmp", name), os.path.join(self.folder, "new", name))

    def mails(self):
        """The bytes of all mails, oldest first."""
        names = sorted(os.listdir(os.path.join(self.folder, "new")), key=lambda n: int(n.split(".")[0]))
        mails = []
        for name in names:
            with open(os.path.join(self.folder, "new", name), "rb") as file:
                mails.append(file.read())
        return mails

    def close(self):
        self.ending.set()
        self.listener.close()

    def _accept(self):
        while not self.ending.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        dialogue = Dialogue(self, connection)
        try:
            dialogue.run()
        except (OSError, ConnectionError):
            pass
        finally:
            dialogue.reader.close()
            dialogue.connection.close()
