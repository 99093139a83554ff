"""cobictl as an OS user of group cobid-ops, who may look after the service and read nothing of anybody."""
import os
import subprocess

from world import BUILD

OPS_COMMANDS = (("status",), ("health",), ("clock", "show"), ("gateway", "list"), ("config", "check"), ("participant", "list"), ("participant", "show", "{ref}"),
                ("advocate", "show", "{advocate}"), ("message", "list"), ("escalation", "list"), ("task", "list"), ("preview", "{ref}"), ("feed", "list"), ("audit", "verify"),
                ("session", "list"), ("office", "list"), ("inbound", "list", "--participant", "{ref}"), ("advocate", "link", "{advocate}", "--participant", "{ref}", "--case-ref", "x"))


class AsOps:
    """The daemon in a name space of its own, where group cobid-ops is there; cobictl runs as nobody in that group. Needs root."""

    GROUP = 64321

    def __init__(self, folder):
        self.file = os.path.join(folder, "group")
        self.possible = os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0
        with open("/etc/group", encoding="utf-8") as file:
            groups = [line for line in file.read().splitlines() if not line.startswith("cobid-")]
        with open(self.file, "w", encoding="utf-8") as file:
            file.write("\n".join(groups + [f"cobid-ops:x:{self.GROUP}:"]) + "\n")
        os.chmod(self.file, 0o644)

    def wrap(self, command):
        return ["unshare", "-m", "--propagation", "private", "sh", "-c", f'mount --bind {self.file} /etc/group && exec "$@"', "sh", *command] if self.possible else command

    def ask(self, town, ref, advocate, take):
        """Asks about them what it may not know. Returns how many commands were answered, and how many refused."""
        os.chmod(town.folder, 0o711)
        os.chmod(town.socket, 0o666)
        counts = {"answered": 0, "refused": 0}
        for command in OPS_COMMANDS:
            for style in ((), ("--json",)):
                answer = subprocess.run(["setpriv", "--reuid=65534", f"--regid={self.GROUP}", "--clear-groups", os.path.join(os.path.abspath(BUILD), "cobictl"), "--socket",
                                         town.socket, *style, *(w.format(ref=ref, advocate=advocate) for w in command)], capture_output=True, stdin=subprocess.DEVNULL, timeout=20, check=False, cwd="/")
                refused = answer.returncode == 1 and b"this command needs root" in answer.stderr and not answer.stdout
                counts["refused" if refused else "answered"] += 1
                take(answer.stdout + answer.stderr)
        return counts
