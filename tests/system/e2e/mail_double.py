"""A mail relay that puts every mail into a Maildir, unchanged, and notes the envelope and the time of the daemon's clock.

python3-aiosmtpd where it is installed; otherwise the relay of tests/system/doubles, which speaks enough SMTP.
"""
import asyncio
import email
import email.policy
import os
import re
import threading
import time

from smtp_double import SmtpDouble

try:
    from aiosmtpd.controller import Controller
except ImportError:
    Controller = None


class Mail:
    """One mail as it arrived."""

    def __init__(self, raw, envelope_from, envelope_to, greeting, at):
        self.raw, self.envelope_from, self.envelope_to, self.greeting, self.at = raw, envelope_from, envelope_to, greeting, at
        parsed = email.message_from_bytes(raw, policy=email.policy.default)
        self.subject = str(parsed["Subject"])
        self.date = parsed["Date"].datetime
        self.to = str(parsed["To"])
        self.message_id = re.fullmatch(r"<(.+)@(.+)>", str(parsed["Message-ID"]).strip())[1]
        self.message_host = re.fullmatch(r"<(.+)@(.+)>", str(parsed["Message-ID"]).strip())[2]
        self.headers = raw.split(b"\r\n\r\n", 1)[0].decode("ascii")
        self.body = parsed.get_content().replace("\r\n", "\n")

    def link(self):
        """Token and code of the acknowledge link, or None."""
        token, code = re.search(r"/ack/([A-Za-z0-9_-]{43})\b", self.body), re.search(r"enter the code ([A-Z2-9]{4}-[A-Z2-9]{4})", self.body)
        return (token[1], code[1]) if token and code else None

    def words(self):
        """Body and headers for people, without the link and its code, which are random."""
        link = self.link()
        text = self.body
        for part in link or ():
            text = text.replace(part, "")
        return text


class Box:
    def __init__(self, folder):
        self.folder = folder
        self.lock = threading.Lock()
        self.mails = []
        self.world = None
        self.hold = False  # take, but do not answer
        self.pause = None  # called before and after a mail is taken: returns how many seconds to wait
        self.in_hand = 0   # mails that were read and not answered yet
        for part in ("tmp", "new", "cur"):
            os.makedirs(os.path.join(folder, part), exist_ok=True)

    def keep(self, raw, envelope_from, envelope_to, greeting):
        mail = Mail(raw, envelope_from, envelope_to, greeting, self.world.now())
        with self.lock:
            name = f"{len(self.mails) + 1}.relay"
            self.mails.append(mail)
        with open(os.path.join(self.folder, "tmp", name), "wb") as file:
            file.write(raw)
        os.rename(os.path.join(self.folder, "tmp", name), os.path.join(self.folder, "new", name))


class _Handler:
    def __init__(self, box):
        self.box = box

    async def wait(self):
        if self.box.pause:
            await asyncio.sleep(self.box.pause())

    async def handle_DATA(self, _server, session, envelope):
        with self.box.lock:
            self.box.in_hand += 1
        try:
            await self.wait()
            self.box.keep(bytes(envelope.original_content), envelope.mail_from, list(envelope.rcpt_tos), session.host_name)
            while self.box.hold:
                await asyncio.sleep(0.02)
            await self.wait()
        finally:
            with self.box.lock:
                self.box.in_hand -= 1
        return "250 2.0.0 Ok: queued as E2E"


class _Fallback(SmtpDouble):
    def __init__(self, box):
        super().__init__(box.folder)
        self.box = box

    def keep(self, mail):
        with self.lock:
            words = list(self.commands)
        sender = re.search(r"<([^>]*)>", [w for w in words if w.upper().startswith("MAIL")][-1])[1]
        to = re.search(r"To: ?(?:\r\n )?.*?([^\s<>]+@[^\s<>]+)", mail.decode("ascii"))[1]
        if self.box.pause:
            time.sleep(self.box.pause())
        greeting = [w for w in words if w.upper().startswith("EHLO")][-1].split(" ", 1)[1]
        self.box.keep(mail, sender, [to], greeting)
        while self.box.hold:
            time.sleep(0.02)


def open_relay(folder):
    """Returns (box, port, name of the relay, function that closes it)."""
    box = Box(folder)
    if Controller is None:
        fallback = _Fallback(box)
        return box, fallback.port, "double of this folder", fallback.close
    controller = Controller(_Handler(box), hostname="127.0.0.1", port=0)
    # Port 0: the controller cannot connect to itself for its test, so it gets a free one first.
    from world import free_port
    controller.port = free_port()
    controller.start()
    return box, controller.port, "aiosmtpd", controller.stop
