"""Real Kannel: a bearerbox, a smsbox, and a carrier of our own behind its generic http driver."""
import os
import urllib.error
import urllib.request

from carrier import Carrier
from process import HOST, Server, free_ports, hand_over, make_server_folder, need_program, wait_until

USER = "appointments"
PASSWORD = "kannel-s3cret"
ADMIN = "admin-s3cret"
# %b is the text's octets, %c its coding, %u the header of a part. One part at a time, so that their order is that of the text.
SEND_URL = "http://{host}:{carrier}/send?to=%p&from=%P&text=%b&coding=%c&charset=%C&udh=%u&validity=%v&mask=%d"

BEARERBOX = """group = core
admin-port = {admin}
admin-interface = {host}
admin-password = {admin_password}
smsbox-port = {smsbox}
smsbox-interface = {host}
log-file = "{folder}/bearerbox.log"
log-level = 1
box-deny-ip = "*.*.*.*"
box-allow-ip = "{host}"
store-type = spool
store-location = "{folder}/store"
dlr-storage = internal
sms-resend-freq = 1

group = smsc
smsc = http
smsc-id = carrier
system-type = generic
send-url = "{send_url}"
status-success-regex = "^ok"
status-permfail-regex = "^perm"
status-tempfail-regex = "^temp"
generic-foreign-id-regex = "id=([0-9]+)"
port = {reports}
connect-allow-ip = "{host}"
smsc-username = reports
smsc-password = reports

group = smsbox
bearerbox-host = {host}
bearerbox-port = {smsbox}
sendsms-port = {sendsms}
sendsms-interface = {host}
sendsms-chars = "0123456789 +-"
log-file = "{folder}/smsbox.log"
log-level = 1
mo-recode = true
http-request-retry = 20
http-queue-delay = 1

group = sendsms-user
username = {user}
password = {password}
user-deny-ip = "*.*.*.*"
user-allow-ip = "{host}"
max-messages = 6
concatenation = true
default-smsc = carrier

group = sms-service
keyword = default
catch-all = true
max-messages = 0
omit-empty = true
concatenation = true
{inbound}
"""
# Where texts that telephones send are passed on to; without it they are dropped.
INBOUND = 'get-url = "{url}?from=%q&text=%b&id=%I"'



class Kannel:
    def __init__(self, folder, inbound_url=None):
        self.folder = make_server_folder(folder, "kannel")
        self.carrier = Carrier()
        self.admin, self.smsbox_port, self.sendsms, reports = free_ports(4)
        self.carrier.reports = reports
        os.makedirs(os.path.join(self.folder, "store"))
        hand_over(os.path.join(self.folder, "store"), 0o700)
        config = os.path.join(self.folder, "kannel.conf")
        with open(config, "w", encoding="ascii") as file:
            file.write(BEARERBOX.format(host=HOST, admin=self.admin, admin_password=ADMIN, smsbox=self.smsbox_port, sendsms=self.sendsms,
                                        reports=reports, folder=self.folder, user=USER, password=PASSWORD,
                                        inbound=INBOUND.format(url=inbound_url) if inbound_url else 'text = ""',
                                        send_url=SEND_URL.format(host=HOST, carrier=self.carrier.port)))
        hand_over(config)
        self.bearerbox = Server(self.folder, "bearerbox", [need_program("kannel", "bearerbox"), config])
        self.smsbox = Server(self.folder, "smsbox", [need_program("kannel", "smsbox"), config])
        self.url = f"http://{HOST}:{self.sendsms}/cgi-bin/sendsms"

    @staticmethod
    def need():
        need_program("kannel", "bearerbox")
        need_program("kannel", "smsbox")

    def start(self):
        self.bearerbox.start(self.smsbox_port)
        self.smsbox.start(self.sendsms)
        if not wait_until(lambda: "(online" in self.status()):
            raise RuntimeError(f"kannel has no carrier: {self.status()}")

    def status(self):
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.admin}/status.txt?password={ADMIN}", timeout=5) as answer:
                return answer.read().decode()
        except urllib.error.URLError as fault:
            return str(fault)

    def close(self):
        self.smsbox.stop()
        self.bearerbox.stop()
        self.carrier.close()
