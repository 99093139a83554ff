"""Real exim4 as a submission server: STARTTLS by a CA of our own, AUTH, verdicts by recipient, a Maildir for everybody.

The local part names what happens: `nobody...` has no mailbox, `greylisted...` is asked to come again until let_pass() is called.
"""
import email
import email.policy
import mailbox
import os
import subprocess

from process import HOST, Server, free_ports, hand_over, make_server_folder, need_program, unprivileged

USER = "appointments"
PASSWORD = "exim-s3cret"
# exim writes these in front of what it was given.
ADDED = ("Return-path", "Envelope-to", "Delivery-date", "Received")

CONFIG = """exim_user = {uid}
exim_group = {gid}
primary_hostname = mail.example
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/exim.pid
local_interfaces = {host}
daemon_smtp_ports = {port}
never_users =
deliver_drop_privilege = true
keep_environment =
host_lookup =
rfc1413_query_timeout = 0s
smtp_enforce_sync = true
tls_advertise_hosts = *
tls_certificate = {folder}/server.pem
tls_privatekey = {folder}/server.key
auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}
message_size_limit = 1M
smtp_accept_max = 100
smtp_accept_queue_per_connection = 0
queue_run_max = 1
domainlist ours = *
acl_smtp_mail = check_mail
acl_smtp_rcpt = check_recipient
acl_smtp_data = check_data
log_selector = +smtp_protocol_error +tls_cipher +received_recipients

begin acl
check_mail:
  deny   message = 530 5.7.0 Authentication required
        !authenticated = *
  deny   message = 530 5.7.0 Encryption required
        !encrypted = *
  accept
check_recipient:
  deny   message = 550 5.1.1 No such mailbox
         local_parts = ^nobody
  defer  message = 451 4.7.1 Greylisted, come again later
         local_parts = ^greylisted
        !condition = ${{if exists{{{folder}/let-pass}}}}
  accept domains = +ours
check_data:
  deny   message = 554 5.6.0 Broken headers
        !verify = header_syntax
  accept

begin routers
everybody:
  driver = accept
  domains = +ours
  transport = maildir

begin transports
maildir:
  driver = appendfile
  directory = {folder}/maildir
  maildir_format
  create_directory
  delivery_date_add
  envelope_to_add
  return_path_add
  user = {uid}
  group = {gid}

begin retry
* * F,1h,5s

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{user}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
"""


def run_openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def make_certificates(folder, ca_folder):
    """A CA in ca_folder; a key and its certificate for 127.0.0.1 in folder. Returns the CA's certificate."""
    ca, ca_key = os.path.join(ca_folder, "ca.pem"), os.path.join(ca_folder, "ca.key")
    key, request, certificate = (os.path.join(folder, "server" + end) for end in (".key", ".csr", ".pem"))
    names = os.path.join(ca_folder, "names")
    with open(names, "w", encoding="ascii") as file:
        file.write(f"subjectAltName = IP:{HOST}\nextendedKeyUsage = serverAuth\n")
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    run_openssl("req", "-x509", *new_key, "-days", "2", "-subj", "/CN=test authority", "-keyout", ca_key, "-out", ca)
    run_openssl("req", *new_key, "-subj", "/CN=mail.example", "-keyout", key, "-out", request)
    run_openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-set_serial", "2", "-days", "2", "-extfile", names, "-out", certificate)
    hand_over(key)
    hand_over(certificate)
    return ca


class Mail:
    """One delivered mail: as exim stored it, and without what exim wrote in front of it."""

    def __init__(self, stored):
        head, empty, body = stored.partition(b"\n\n")
        lines, added = [], False
        for line in head.split(b"\n"):
            if not line.startswith((b" ", b"\t")):
                added = line.split(b":")[0].decode() in ADDED
            if not added:
                lines.append(line)
        self.message = email.message_from_bytes(stored, policy=email.policy.default)
        # exim keeps lines with LF; the wire had CRLF
        self.bytes = (b"\n".join(lines) + empty + body).replace(b"\n", b"\r\n")
        self.id = self.message["Message-ID"]
        self.to = self.message["Envelope-to"]
        self.sender = self.message["Return-path"]
        self.text = self.message.get_content()


class Exim:
    def __init__(self, folder):
        need_program("openssl", "openssl")
        program = need_program("exim4", "exim4", "exim")
        self.folder = make_server_folder(folder, "exim")
        self.port, = free_ports(1)
        self.ca = make_certificates(self.folder, folder)
        self.certificate = tuple(os.path.join(self.folder, "server" + end) for end in (".pem", ".key"))
        for name in ("spool", "log", "maildir"):
            os.makedirs(os.path.join(self.folder, name))
            hand_over(os.path.join(self.folder, name), 0o700)
        config = os.path.join(self.folder, "exim.conf")
        uid, gid = unprivileged()
        with open(config, "w", encoding="ascii") as file:
            file.write(CONFIG.format(uid=uid, gid=gid, folder=self.folder, host=HOST, port=self.port, user=USER, password=PASSWORD))
        hand_over(config, 0o400)
        self.server = Server(self.folder, "exim4", [program, "-C", config, "-bdf", "-q1m"])

    @staticmethod
    def need():
        need_program("exim4", "exim4", "exim")
        need_program("openssl", "openssl")

    def start(self):
        self.server.start(self.port)

    def let_pass(self):
        with open(os.path.join(self.folder, "let-pass"), "w", encoding="ascii"):
            pass
        hand_over(os.path.join(self.folder, "let-pass"))

    def mails(self):
        box = os.path.join(self.folder, "maildir")
        if not os.path.isdir(os.path.join(box, "new")):
            return []
        folder = mailbox.Maildir(box, create=False)
        return [Mail(folder.get_bytes(key)) for key in sorted(folder.keys())]

    def log(self):
        with open(os.path.join(self.folder, "log", "mainlog"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def close(self):
        self.server.stop()
