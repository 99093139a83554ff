"""A tap between cobid and exim: both dialogues are encrypted, the tap writes down the octets of every mail as they left cobid.

It changes nothing. What is between DATA's 354 and the final dot is the mail, with the dots undone.
"""
import socket
import ssl
import threading

from process import HOST

END = b"\r\n.\r\n"


class Tap:
    def __init__(self, port, certificate, ca):
        self.port_behind = port
        self.inside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.inside.load_cert_chain(*certificate)
        self.outside = ssl.create_default_context(cafile=ca)
        self.mails = []
        self.faults = []
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.carry, args=(connection,), daemon=True).start()

    def carry(self, client):
        try:
            with client, socket.create_connection((HOST, self.port_behind), timeout=60) as server:
                client.settimeout(60)
                self.converse(client, server)
        except (OSError, EOFError) as fault:
            self.faults.append(repr(fault))

    def converse(self, client, server):
        near, far = client.makefile("rwb"), server.makefile("rwb")
        self.pass_reply(far, near)
        while line := near.readline():
            verb = line.strip().upper()
            far.write(line)
            far.flush()
            if not self.pass_reply(far, near, begins_data=verb == b"DATA"):
                continue
            if verb == b"STARTTLS":
                client = self.inside.wrap_socket(client, server_side=True)
                server = self.outside.wrap_socket(server, server_hostname=HOST)
                near, far = client.makefile("rwb"), server.makefile("rwb")
            elif verb == b"DATA":
                self.pass_mail(near, far)
                self.pass_reply(far, near)
            elif verb == b"QUIT":
                return

    @staticmethod
    def pass_reply(far, near, begins_data=False):
        """All lines of one reply; returns whether it was the good one."""
        while True:
            line = far.readline()
            if not line:
                raise EOFError("the relay is gone")
            near.write(line)
            near.flush()
            if line[3:4] != b"-":
                return line.startswith(b"354" if begins_data else b"2")

    def pass_mail(self, near, far):
        octets = b""
        while not octets.endswith(END):
            line = near.readline()
            if not line:
                raise EOFError("cobid is gone within a mail")
            octets += line
        far.write(octets)
        far.flush()
        mail = octets[: -len(b".\r\n")]
        self.mails.append(b"\r\n".join(line[1:] if line.startswith(b".") else line for line in mail.split(b"\r\n")))

    def close(self):
        self.listener.close()
