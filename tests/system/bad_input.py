#!/usr/bin/env python3
"""Whatever is missing, malformed, contradictory or hostile gets one clear line and exit 1 or 2, and changes nothing.

Every command of `cobictl --help` is tried with each of its arguments and options spoilt in turn, through cobictl and past it, straight into the control socket; then
come the contradictions that only the whole case shows. After each attempt the database must be what it was, apart from the record of what was looked at.
"""
import json
import os
import re
import shutil
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "doubles"), os.path.join(HERE, "e2e")]
from scene import Scene  # noqa: E402
from tap import Checks  # noqa: E402
from world import SOURCE, Watch, Wire, World, changed_tables  # noqa: E402

SHOWN_MAX, LINE_BYTES_MAX = 8, 700
HUGE = "A" * 10000
# Wrong for every kind of value. Those that JSON can carry only escaped are escaped.
HOSTILE = (HUGE, "a\x01b", "a\nb", "a@b.example\r\nBcc: c@d.example", "\x1b[31mred", "a\u202eb", "a\x7fb", "\ufeffa\u2028b", "a\u0085b")
INVALID_UTF8 = (b"\xff\xfe", b"a\xc3", b"\xed\xa0\x80", b"\xc0\xaf")
# By the placeholder of the help: what looks right at first sight.
MALFORMED = {
    "DATE": ("2027-02-29", "2027-13-01", "2027-00-10", "2027-04-31", "27-01-01", "tomorrow", "2027-1-1x", "0000-00-00", "99999-01-01", ""),
    "LOCALTIME": ("2027-02-30 10:00", "2027-03-09 25:00", "2027-03-09 10:60", "2027-03-09", "10:00", "2027-03-09 10:00:99", "soon", ""),
    "ADDRESS": ("@x.example", "a@", "a b@c.example", "a@b@c.example", "<a@b.example>", "a@b..example", "a@-b.example", "a,b@c.example", "x" * 300 + "@b.example"),
    "NUMBER": ("07700 90012", "999", "+1 555 0100", "0118 496 0001x", "+44+7700900123", "07700900123;ext=1"),
    "HOURS": ("Mon-Fri 25:00-26:00", "Mon 10:00-09:00", "Mon", "Funday 09:00-10:00", "Mon 09:00", "Mon 9-17", "Mon-Fri 09:00-17:00,", "Mon 10:00-10:00"),
    "SLOT": ("Tue 25:00", "Someday 10:00", "Tue", "10:00", "Tue 10:00-12:00"),
    "ZONE": ("Europe/Nowhere", "../../etc/passwd", "UTC+1", "/etc/localtime"),
    "N": ("-1", "1.5", "1e9", "0x10", "99999999999999999999", "two"),
    "ID": ("no such", "../x", "a" * 33, "-x", "a/b", "é", "nope-1"),
    "WORD": ("maybe", "YES!", "yes,no", ""),
    "SPAN": ("-5m", "5x", "m", "99999999999d", "1.5h", "0x5m", "5m5", ""),
    "TEXT": (),
}


class Tester:
    def __init__(self, world, checks):
        self.world, self.checks = world, checks
        self.scene = Scene(world)
        self.baseline, self.watch, self.wire_to = world.dump(), Watch(world), Wire(world.socket)
        self.faults, self.tried = {}, {}
        self.commands = self.read_help()

    def fault(self, group, line):
        self.faults.setdefault(group, []).append(line)

    # ---- one attempt ----

    def unchanged(self, group, what):
        if not self.watch.changed():
            return  # nothing was committed at all
        now = self.world.dump()
        if changed := changed_tables(self.baseline, now):
            self.fault(group, f"{what}: changed {changed}")
            self.baseline = now

    def refuse(self, group, *arguments, statuses=(1, 2), says=None):
        """One command that must be refused."""
        self.tried[group] = self.tried.get(group, 0) + 1
        answer = self.world.run(*arguments, timeout=20)
        what = " ".join(str(a)[:60] for a in arguments)
        err = answer.stderr
        if answer.returncode not in statuses:
            self.fault(group, f"{what}: exit {answer.returncode}, {err[:200]!r}")
        elif not err.startswith(b"cobictl: ") or err.count(b"\n") != 1 or not err.endswith(b"\n") or len(err) > LINE_BYTES_MAX or answer.stdout:
            self.fault(group, f"{what}: {err[:300]!r}, stdout {answer.stdout[:60]!r}")
        elif re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", err):
            self.fault(group, f"{what}: a control character in {err!r}")
        elif says and not re.search(says, err.decode("utf-8", "replace")):
            self.fault(group, f"{what}: {err!r} does not say {says!r}")
        self.unchanged(group, what)
        return err.decode("utf-8", "replace")

    def refuse_raw(self, group, path, body):
        """The same past cobictl."""
        self.tried[group] = self.tried.get(group, 0) + 1
        what = f"{path} {body[:80]!r}"
        try:
            status, answer = self.wire_to.post(path, body)
        except OSError as error:
            self.fault(group, f"{what}: no answer: {error}")
            return
        error = json.loads(answer).get("error", "") if status != 200 else ""
        if not 400 <= status < 500 or not error or len(error) > LINE_BYTES_MAX or re.search(r"[\x00-\x1f\x7f]", error):
            self.fault(group, f"{what}: {status} {answer[:200]!r}")
        self.unchanged(group, what)

    def refuse_bytes(self, group, raw):
        """Not even a request: any error, or an end of the connection."""
        self.tried[group] = self.tried.get(group, 0) + 1
        answer = self.world.exchange(raw, timeout=1)
        if answer is None or (answer and not re.match(rb"HTTP/1\.[01] [45]\d\d ", answer)):
            self.fault(group, f"{raw[:80]!r}: {answer and answer[:200]!r}")
        self.unchanged(group, repr(raw[:80]))

    # ---- the table of commands, from the help ----

    def read_help(self):
        text = self.world.run("--help").stdout.decode()
        commands = {}
        for line in re.findall(r"^  (\S.*?)  ", text[:text.index("Options of every")], re.M):
            words = [w for w in line.split() if w.islower()]
            commands[tuple(words)] = {"arguments": [w for w in line.split() if w.isupper()], "options": self.read_options(words)}
        return commands

    def read_options(self, words):
        text = self.world.run(*words, "--help").stdout.decode().partition("Options:\n")[2]
        text = re.sub(r"\n {20,}", "  ", text)
        options = {}
        for line in text.splitlines():
            match = re.match(r"  --([a-z-]+) ?(\S*) +(.*)", line)
            if match and match[1] not in ("json", "socket", "help", "version"):
                kind = "WORD" if "|" in match[2] else match[2]
                options[match[1]] = {"kind": kind if kind.isupper() or kind == "" else "", "required": "(required)" in line, "help": match[3]}
        return options

    def path(self, command):
        return "/" + "/".join(command)

    # ---- every command, spoilt in turn ----

    def valid(self, command):
        """Arguments that would be taken: ([positional], {option: value})."""
        i = self.scene.id
        fresh = {"office": {"name": "New office", "address": "2 High Street", "phone": "0118 496 0009"},
                 "practitioner": {"name": "New One", "email": "new.p@service.example", "office": "o1", "hours": "Mon 09:00-17:00", "supervisor": "s1"},
                 "supervisor": {"name": "New One", "email": "new.s@service.example"},
                 "advocate": {"service": "Harbour", "name": "New One", "email": "new@support.example"},
                 "officer": {"name": "New One", "email": "new@police.example", "organisation": "Police"},
                 "participant": {"programme": "cobi-12", "route": "spo", "practitioner": "p1", "office": "o1", "name": "New One"}}
        there = {"office": "o1", "practitioner": "p1", "supervisor": "s1", "advocate": "a2", "officer": "f1", "participant": "P-2"}
        move = {"to": "2027-04-09 12:00", "by": "service"}
        rows = {("session", "show"): ([i["planned"]], {}), ("session", "move"): ([i["planned"]], move), ("session", "cancel"): ([i["planned"]], {"by": "service"}),
                ("session", "outcome"): ([i["phone"], "ATTC"], {"as": "p2"}), ("explain",): ([i["planned"]], {}), ("preview",): (["P-1"], {}),
                ("session", "decide"): ([i["missed"], "AAME"], {"as": "s1", "reason": "a note", "contacted": "yes"}),
                ("session", "correct"): ([i["attended"], "AFTC"], {"as": "p1", "reason": "a note"}),
                ("session", "approve"): ([i["attended"]], {"as": "s1"}),
                ("practitioner", "leave"): (["p1"], {"on": "2027-09-01", "hand-over-to": "p2"}), ("participant", "reassign"): (["P-2"], {"to": "p2"}),
                ("concern", "raise"): (["P-2"], {"reason": "a note"}),
                ("task", "done"): ([i["task"]], {"as": "p1"}), ("feed", "create"): ([], {"practitioner": "p2"}), ("feed", "revoke"): ([i["feed"]], {}),
                ("inbound", "list"): ([], {"participant": "P-1"}), ("inbound", "show"): (["I-ABCDEFGHJKMN"], {}),  # spools bring no texts in
                ("message", "show"): ([i["accepted"]], {}), ("message", "retry"): ([i["accepted"]], {}), ("message", "cancel"): ([i["accepted"]], {}),
                ("escalation", "show"): ([i["chain"]], {}), ("escalation", "ack"): ([i["chain"]], {"as": "s1"}),
                ("escalation", "resolve"): ([i["chain"]], {"as": "s1", "reason": "all is well"}), ("template", "show"): (["en/reminder.sms"], {}),
                ("advocate", "link"): (["a2"], {"participant": "P-1", "case-ref": "HARBOUR-2"}), ("advocate", "unlink"): (["a1"], {"participant": "P-1"}),
                ("participant", "plan"): (["P-2"], {}), ("participant", "resume"): (["P-3"], {"because": "health"}),
                ("participant", "complete"): (["P-1"], {"because": "other"}), ("clock", "advance"): (["5m"], {}), ("clock", "set"): (["2027-02-10 15:30"], {})}
        if command in rows:
            return rows[command]
        noun, verb = command if len(command) == 2 else ("", command[0])
        if verb == "add":
            return ([f"new-{noun}"], fresh[noun])
        if verb == "set":
            return ([there[noun]], {"name": "Other Name"})
        if verb == "absent":
            return ([there[noun]], {"from": "2027-09-01", "to": "2027-09-02"})
        if verb in ("pause", "withdraw", "end"):
            return (["P-1"], {"because": "health"})
        return ([there[noun]] if self.commands[command]["arguments"] else [], {})

    @staticmethod
    def line(command, positional, options):
        result = list(command) + list(positional)
        for name, value in options.items():
            result += [f"--{name}", value] if value is not None else [f"--{name}"]
        return result

    @staticmethod
    def body(positional, options):
        document = {name.replace("-", "_"): True if value is None else value for name, value in options.items()}
        document.update(zip(("id", "id2"), positional))
        return document

    def shape(self, command, row):
        group = "too few, too many and unknown arguments"
        positional, options = self.valid(command)
        for n in range(len(row["arguments"])):
            self.refuse(group, *self.line(command, positional[:n], options), statuses=(2,))
        self.refuse(group, *self.line(command, [*positional, "surplus"], options), statuses=(2,))
        for more in (["--frobnicate", "x"], ["--frobnicate"], ["-x"], ["--socket"]):
            self.refuse(group, *self.line(command, positional, options), *more, statuses=(2,))
        for k, (name, option) in enumerate(row["options"].items()):
            if option["required"] and name in options:
                self.refuse(group, *self.line(command, positional, {n: v for n, v in options.items() if n != name}), statuses=(2,))
                self.refuse_raw(group, self.path(command), json.dumps(self.body(positional, {n: v for n, v in options.items() if n != name})).encode())
            if k > 1 or command[-1] == "set":
                continue  # the same code for all of them
            if option["kind"]:
                self.refuse(group, *self.line(command, positional, options), f"--{name}", statuses=(2,))
            else:
                self.refuse(group, *self.line(command, positional, options), f"--{name}=yes", statuses=(2,))
            if name != "unavailable" and option["kind"]:
                value = options.get(name, "x")
                self.refuse(group, *self.line(command, positional, {**options, name: value}), f"--{name}", value, statuses=(2,))

    def spoil(self, command, row):
        """Past cobictl each value; through it, which checks by the same table, some of each."""
        positional, options = self.valid(command)
        for n in range(len(row["arguments"])):
            for k, value in enumerate((*HOSTILE, "")):
                self.both("hostile ids", command, [value if j == n else p for j, p in enumerate(positional)], options, past=k > 2)
            for value in INVALID_UTF8:
                self.invalid("hostile ids", command, positional, options, ("id", "id2")[n], n, value)
        for name, option in row["options"].items():
            if not option["kind"]:
                continue
            for k, value in enumerate(HOSTILE):
                self.both("hostile values", command, positional, {**options, name: value}, past=command[-1] == "set" or k != len(name) % len(HOSTILE))
            self.invalid("hostile values", command, positional, options, name, None, INVALID_UTF8[len(name) % len(INVALID_UTF8)])
            for k, value in enumerate(MALFORMED[option["kind"]]):
                if value != "" or option["required"] or command[-1] not in ("add", "set"):  # "" is no value, or takes it away
                    self.both("malformed values", command, positional, {**options, name: value}, past=command[-1] == "set" or k > 3)

    def both(self, group, command, positional, options, past=False):
        if not past:
            self.refuse(group, *self.line(command, positional, options))
        self.refuse_raw(group, self.path(command), json.dumps(self.body(positional, options)).encode())

    def invalid(self, group, command, positional, options, name, index, value):
        mark = "MARK-OF-THE-PLACE"
        if index is None:
            options = {**options, name: mark}
        else:
            positional = [mark if k == index else p for k, p in enumerate(positional)]
        if command[-1] in ("add", "outcome", "list"):
            self.refuse(group, *(a.encode().replace(mark.encode(), value) for a in self.line(command, positional, options)))
        self.refuse_raw(group, self.path(command), json.dumps(self.body(positional, options)).encode().replace(mark.encode(), value))

    def wrong_types(self, command, row):
        group = "wrong types of JSON"
        positional, options = self.valid(command)
        good = self.body(positional, options)
        names = ["id", "id2"][:len(row["arguments"])] + [n.replace("-", "_") for n in row["options"]]
        for name in names:
            for value in (1, 1.5, None, {}, {"a": "b"}, [], ["x", "y"], [["x"]], True, False, "x\0y"):
                option = row["options"].get(name.replace("_", "-"), {"kind": "ID"})
                if (option["kind"] == "" and isinstance(value, bool)) or (name == "unavailable" and value == []):
                    continue
                self.refuse_raw(group, self.path(command), json.dumps({**good, name: value}).encode())
        for raw in (b"[]", b'"x"', b"1", b"null", b"{", b'{"id":"P-1"', b"{}x", b"{'id':'P-1'}", b'{"id":"x","id":"y"}', b'{"a":' * 5000, b"[" * 60000, b"{" + b" " * 70000 + b"}",
                    b"\xff\xfe{}", b'{"id":"\\ud800"}', b'{"frobnicate":"x"}', b'{"\\u0000":"x"}', b'{"a\\nb":"x"}', json.dumps({f"n{k}": "x" for k in range(100)}).encode()):
            self.refuse_raw(group, self.path(command), raw)

    # ---- the wire of the control socket ----

    def wire(self):
        group = "broken requests on the control socket"
        head = "Host: control\r\nContent-Type: application/json\r\nConnection: close\r\n"
        body = b'{"id":"P-1","because":"health"}'
        target = "/participant/pause"
        for raw in (b"\0" * 100 + b"\r\n\r\n", b"POST " + b"/" * 70000 + b" HTTP/1.1\r\n\r\n", b"GET /participant/list\r\n\r\n", f"POST {target} HTTP/1.1\r\n{head}X-\0: y\r\nContent-Length: {len(body)}0\r\n\r\n".encode() + body + b"\0" * 9 * len(body),
                    f"POST {target} HTTP/1.1\r\n{head}Content-Length: -1\r\n\r\n".encode() + body, f"POST {target} HTTP/1.1\r\n{head}Content-Length: 99999999999\r\n\r\n".encode() + body,
                    f"GET {target} HTTP/1.1\r\n{head}\r\n".encode(), f"PUT {target} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body,
                    f"DELETE {target} HTTP/1.1\r\n{head}\r\n".encode(), f"POST {target}/../list HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body,
                    f"POST {target}?because=health HTTP/1.1\r\n{head}Content-Length: 12\r\n\r\n".encode() + b'{"id":"P-1"}',
                    f"POST {target} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + b"zz\r\n" + body,
                    f"POST {target} HTTP/1.1\r\nX: {'y' * 100000}\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body,
                    f"POST {target.upper()} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body,
                    f"POST /participant/erase HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body,
                    f"POST {target} HTTP/1.1\r\n{head}Content-Length: {len(body) + 100000}\r\n\r\n".encode() + body + b" " * 100000):
            self.refuse_bytes(group, raw)
        if self.world.call("/clock/show") is None:
            self.fault(group, "the daemon does not answer any more")

    # ---- what only the whole case shows ----

    def contradictions(self):
        i, group = self.scene.id, "contradictions"
        nobody = "nope-1"
        other_day = self.scene.sessions[i["next"]]["local"][:10]
        cases = [
            # people
            ("supervisor", "set", "s2", "--next", "s1"), ("supervisor", "set", "s1", "--next", "s1"), ("supervisor", "add", "s3", "--name", "X", "--email", "s3@x.example", "--next", "s3"),
            ("supervisor", "set", "s1", "--next", "p1"), ("practitioner", "set", "p1", "--supervisor", "p2"), ("practitioner", "set", "p1", "--office", "s1"),
            ("office", "add", "o1", "--name", "X", "--address", "Y", "--phone", "0118 496 0009"), ("advocate", "add", "p1", "--service", "H", "--name", "X", "--email", "x@y.example"),
            ("practitioner", "add", "a1", "--name", "X", "--email", "x@y.example", "--office", "o1", "--hours", "Mon 09:00-17:00", "--supervisor", "s1"),
            ("supervisor", "add", "operator", "--name", "X", "--email", "x@y.example"), ("supervisor", "add", "cobid", "--name", "X", "--email", "x@y.example"),
            ("office", "set", "o1"), ("participant", "set", "P-1", "--as", "s1"), ("participant", "set", "P-1", "--practitioner", "p2"), ("participant", "set", "P-1", "--programme", "weekly-26"),
            ("participant", "set", "P-1", "--programme", nobody), ("participant", "set", "P-1", "--officer", nobody), ("participant", "set", nobody, "--name", "X"),
            ("participant", "absent", "P-1", "--from", "2027-03-02", "--to", "2027-03-01"), ("practitioner", "absent", "p1", "--from", "2027-03-02", "--to", "2028-09-01"),
            ("participant", "show", "o1"), ("office", "show", "P-1"), ("session", "show", "P-1"), ("message", "show", i["planned"]), ("escalation", "show", i["task"]),
            ("task", "done", i["chain"]), ("feed", "revoke", i["task"]), ("explain", i["chain"]), ("preview", i["planned"]), ("preview", "o1"),
            # links
            ("advocate", "link", "a1", "--participant", "P-1", "--case-ref", "HARBOUR-1"), ("advocate", "link", "p1", "--participant", "P-1", "--case-ref", "X-1"),
            ("advocate", "link", "a2", "--participant", "a1", "--case-ref", "X-1"), ("advocate", "link", "a2", "--participant", nobody, "--case-ref", "X-1"),
            ("advocate", "unlink", "a2", "--participant", "P-1"), ("advocate", "unlink", "a1", "--participant", "P-2"),
            # the way through the programme
            ("participant", "plan", "P-4"), ("participant", "plan", "P-3"), ("participant", "resume", "P-1", "--because", "health"), ("participant", "pause", "P-3", "--because", "health"),
            ("participant", "pause", "P-2", "--because", "health"), ("participant", "pause", "P-4", "--because", "health"), ("participant", "withdraw", "P-4", "--because", "moved"),
            ("participant", "complete", "P-1", "--because", "other"), ("participant", "resume", "P-4", "--because", "other"), ("participant", "plan", nobody),
            # moves
            ("session", "move", i["planned"], "--to", "2027-02-09 10:00", "--by", "service"), ("session", "move", i["planned"], "--to", "2027-02-10 14:59", "--by", "service"),
            ("session", "move", i["planned"], "--to", "2027-03-26 10:00", "--by", "service"), ("session", "move", i["planned"], "--to", f"{other_day} 12:00", "--by", "service"),
            ("session", "move", i["planned"], "--to", "2027-03-28 01:30", "--by", "service"), ("session", "move", i["planned"], "--to", "2027-10-31 01:30", "--by", "service"),
            ("session", "move", i["planned"], "--to", "2027-03-09 18:00", "--by", "service"), ("session", "move", i["planned"], "--to", "2027-03-09 16:00", "--by", "service"),
            ("session", "move", i["planned"], "--to", "2027-03-13 10:00", "--by", "service"), ("session", "move", i["planned"], "--to", "2035-03-09 10:00", "--by", "service"),
            ("session", "move", i["planned"], "--to", self.scene.sessions[i["planned"]]["local"].replace("T", " "), "--by", "service"),
            ("session", "move", i["attended"], "--to", "2027-03-09 10:00", "--by", "service"), ("session", "move", i["cancelled"], "--to", "2027-03-09 10:00", "--by", "service"),
            ("session", "move", i["phone"], "--to", "2027-03-09 10:00", "--by", "service"), ("session", "move", nobody, "--to", "2027-03-09 10:00", "--by", "service"),
            ("session", "move", i["planned"], "--to", "2027-03-26 10:00", "--by", "service", "--cascade"), ("session", "move", i["planned"], "--to", "2027-03-26 10:00", "--by", "service", "--dry-run"),
            ("session", "move", i["last_of_order"], "--to", "2027-05-05 10:00", "--by", "service"), ("session", "move", i["last_of_order"], "--to", "2027-05-05 10:00", "--by", "participant", "--cascade"),
            ("session", "cancel", i["attended"], "--by", "service"), ("session", "cancel", i["cancelled"], "--by", "service"), ("session", "cancel", i["phone"], "--by", "service"),
            # outcomes
            *((("session", "outcome", i["planned"], code, "--as", by)) for code in ("ATTC", "AFTC", "AFTA", "UAAB", "ATSS") for by in ("p1", "s1")),
            ("session", "outcome", i["phone"], "XXXX", "--as", "p2"), ("session", "outcome", i["phone"], "RSSR", "--as", "s1"), ("session", "outcome", i["phone"], "RSOF", "--as", "p2"),
            ("session", "outcome", i["phone"], "UAAB", "--as", "p2"), ("session", "outcome", i["phone"], "AAME", "--as", "p2"), ("session", "outcome", i["phone"], "ATSH", "--as", "p2"),
            ("session", "outcome", i["phone"], "ATSS", "--as", "s1"), ("session", "outcome", i["attended"], "AFTA", "--as", "p1"), ("session", "outcome", i["missed"], "ATTC", "--as", "p1"),
            ("session", "outcome", i["missed"], "ATTC", "--as", "s1"), ("session", "outcome", i["cancelled"], "ATTC", "--as", "p1"),
            *((("session", "outcome", i["phone"], "ATTC", "--as", by)) for by in ("p1", "a1", "o1", "P-5", nobody, "operator", "cobid", "root")),
            # escalations
            *((("escalation", "ack", i["chain"], "--as", by)) for by in ("p1", "p2", "a1", "f1", "P-1", "o1", nobody, "operator")),
            *((("escalation", "resolve", i["chain"], "--reason", "x", "--as", by)) for by in ("p1", "a1", "f1", nobody)),
            *((("escalation", "ack", i["chain_resolved"], "--as", by)) for by in ("a1", "a2", "s1", "p1")), ("escalation", "resolve", i["chain_resolved"], "--as", "a1", "--reason", "x"),
            # tasks, feeds, messages, templates, clock
            ("task", "done", i["done"]), ("feed", "create"), ("feed", "create", "--practitioner", "p1", "--office", "o1"), ("feed", "create", "--participant", "p1"), ("feed", "create", "--as", "s1"),
            ("feed", "revoke", i["revoked"]), ("message", "retry", i["accepted"]), ("message", "cancel", i["accepted"]), ("message", "list", "--state", "lost"),
            *((("template", "show", name)) for name in (nobody, "../../../etc/passwd", "en/reminder.sms.txt", "/etc/passwd")),
            ("clock", "set", "2027-02-10 14:00"), ("clock", "set", "2027-03-28 01:30"), ("clock", "set", "2026-01-01 00:00"), ("clock", "set", "2027-02-30 10:00"),
            ("release",), ("release", "--held"), ("nonsense",), ("participant",), ("participant", "nonsense"), ("participant", "erase", "P-1"), (),
        ]
        for case in cases:
            self.refuse(group, *case)
        self.refuse(group, "session", "move", i["planned"], "--to", i["taken"], "--by", "service", says="booked|on that day")
        self.refuse(group, "--socket", "/nonexistent/socket", "status", statuses=(3,))

    def double_use(self):
        """A number or address of somebody else is refused with the same words whoever it belongs to."""
        group, lines = "one sentence for a number or address in use", set()
        new = ["participant", "add", "P-9", "--programme", "cobi-12", "--route", "spo", "--practitioner", "p1", "--office", "o1", "--name", "X"]
        numbers = ("07700 900101", "07700 900201", "07700 900211", "07911 123450", "07911 123451", "+447911123451", "0044 7911 123451")
        for number in numbers:
            lines.add(self.refuse(group, *new, "--mobile", number, statuses=(1,)).replace("P-9", "REF"))
            lines.add(self.refuse(group, "participant", "set", "P-2", "--mobile", number, statuses=(1,)).replace("P-2", "REF"))
        for address in ("p2@mail.example", "s1@service.example", "p1@service.example", "a1@support.example", "A1@Support.Example", "f1@police.example"):
            lines.add(self.refuse(group, *new, "--email", address, statuses=(1,)).replace("P-9", "REF"))
            lines.add(self.refuse(group, "participant", "set", "P-1", "--email", address, statuses=(1,)).replace("P-1", "REF"))
        if len(lines) != 1:
            self.fault(group, f"{len(lines)} different lines: {sorted(lines)}")
        for line in lines:
            if re.search(r"advocate|staff|participant|somebody|already|other|belongs", line, re.I):
                self.fault(group, f"not neutral: {line}")

    def bad_configuration(self):
        group = "a bad configuration is refused and the daemon goes on"
        for more in ("nonsense = 1;\n", "programmes = ();\n", 'timezone = "Europe/Nowhere";\n', "sender = {\n", "\xff\n"):
            self.world.write_config(more)
            self.refuse(group, "reload")
            check = self.world.run("config", "check")
            if check.returncode != 1:
                self.fault(group, f"config check of {more!r}: exit {check.returncode}")
        self.world.write_config()
        if self.world.run("reload").returncode != 0:
            self.fault(group, "the good one is refused too")

    def bad_start(self):
        """A bad edit cannot stop the reminders: the daemon starts on what it last accepted, and says so."""
        group = "a start with a bad configuration or template runs on the last accepted ones"
        templates = os.path.join(self.world.folder, "spoilt")
        shutil.copytree(os.path.join(SOURCE, "templates"), templates)
        with open(os.path.join(templates, "en", "reminder.sms.txt"), "a", encoding="utf-8") as file:
            file.write("${nonsense}\n")
        for more, folder, environment in (("", templates, {}), ("sender = {\n", None, {"STATE_DIRECTORY": self.world.state})):
            self.world.write_config(more, folder)
            self.tried[group] = self.tried.get(group, 0) + 1
            self.world.stop()
            try:
                self.world.start(**environment)
            except RuntimeError as error:
                self.fault(group, f"{more!r}: {error}")
                self.world.write_config()
                self.world.start()
                continue
            status = self.world.call("/status")
            if status["configuration"] == "in force" or status["healthy"] or self.world.run("config", "check").returncode != 1:
                self.fault(group, f"{more!r}: {status}")
            if self.world.run("preview", "P-1").returncode != 0:
                self.fault(group, f"{more!r}: it does not work")
        self.world.write_config()
        if self.world.run("reload").returncode != 0 or self.world.call("/status")["configuration"] != "in force":
            self.fault(group, "the good one is not taken again")

    def good(self):
        """The arguments that were spoilt are good: otherwise all of this proves nothing."""
        group = "the arguments that were spoilt would have been taken"
        refused_here = {("status",), ("health",), ("message", "retry"), ("message", "cancel"), ("participant", "complete"), ("release",), ("inbound", "show"), ("participant", "end")}
        self.scene.look()
        last = [c for c in self.commands if c[-1] in ("pause", "withdraw", "resolve", "unlink", "cancel", "set", "advance", "leave", "decide")]
        first = [("task", "done")]  # while it is open: what the others record may end it
        for command in first + [c for c in self.commands if c not in first + last] + sorted(last, key=lambda c: (c[0] == "participant", c[-1] == "withdraw", c)):
            if command in refused_here:
                continue
            self.tried[group] = self.tried.get(group, 0) + 1
            answer = self.world.run(*self.line(command, *self.valid(command)))
            if answer.returncode != 0:
                self.fault(group, f"{' '.join(command)}: exit {answer.returncode}: {answer.stderr!r}")

    def run(self):
        for command, row in self.commands.items():
            self.shape(command, row)
            self.spoil(command, row)
            self.wrong_types(command, row)
        self.wire()
        self.contradictions()
        self.double_use()
        self.bad_configuration()
        self.good()
        self.bad_start()
        for group, count in self.tried.items():
            faults = self.faults.pop(group, [])
            self.checks.ok(f"{group}: {count} attempts", not faults, f"{len(faults)} faults: " + "; ".join(faults[:SHOWN_MAX]))
        self.checks.equal("nothing else went wrong", self.faults, {})
        self.checks.ok(f"all {len(self.commands)} commands were tried", len(self.commands) > 50, sorted(self.commands))


def main():
    start = time.monotonic()
    checks = Checks()
    world = World("cobid-bad", "2027-01-20 08:00")
    try:
        world.start()
        Tester(world, checks).run()
        log = world.log_text()
        checks.ok("the log repeats nothing of what was typed", not re.search(r"@|[0-9]{9,}|AAAAAAAA|Alder|\x1b", log), log[-1500:])
        checks.equal("the process is still there", (world.process.poll(), world.stop()), (None, 0))
    finally:
        world.close()
    print(f"# {world.commands} commands in {time.monotonic() - start:.1f} s")
    checks.finish()


if __name__ == "__main__":
    main()
