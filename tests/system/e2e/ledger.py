"""What was asked of the daemon and what it answered, kept outside of it: ok, refused, or unknown because the connection was lost.

For each thing that commands alone decide (the outcome of a session, its start, whether somebody is planned) the ledger knows the values that may be
seen: exactly one after an answer, the old or the new one after a lost answer. A look at the store says which, and only that one may be seen again.
"""
import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections import Counter

OK, REFUSED, UNKNOWN = "ok", "refused", "unknown"
INTERRUPTED = "cobid ended before the answer"
# (thing, one row a thing): what commands alone decide.
LOOKS = (
    ("person", "SELECT id, 'there' FROM account"),
    ("link", "SELECT advocate || ' ' || participant, CASE WHEN removed_us IS NULL THEN 'there' ELSE 'removed' END FROM link"),
    ("planned", "SELECT participant, count(*) FROM session WHERE attempt=1 GROUP BY participant"),
    ("participant", "SELECT id, state FROM participant_state"),
    ("outcome", "SELECT id, outcome FROM session WHERE outcome<>''"),
    ("start", "SELECT id, start_local FROM session"),
    ("task", "SELECT id, state FROM task WHERE state='done'"),
)
# What must never be seen half done, whatever happened: each finds nothing.
WHOLE = {
    "the file": "SELECT * FROM pragma_integrity_check WHERE integrity_check<>'ok'",
    "what rows refer to": "SELECT * FROM pragma_foreign_key_check",
    "a plan": "SELECT participant, count(*) FROM session WHERE attempt=1 GROUP BY participant HAVING count(*)<>max(of) OR count(DISTINCT number)<>max(of)",
    "an outcome and its history": "SELECT id FROM session s WHERE state='recorded' AND NOT EXISTS (SELECT 1 FROM session_history h WHERE h.session=s.id AND h.what='recorded')",
    "a withdrawal": "SELECT s.id FROM session s JOIN participant_state p ON p.id=s.participant WHERE p.state='withdrawn' AND s.state='planned'",
    "a person": "SELECT id FROM participant WHERE id NOT IN (SELECT id FROM account) OR id NOT IN (SELECT id FROM participant_state)",
    "an intent": "SELECT id FROM message m WHERE state='sending' AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.message=m.id AND a.attempt=m.attempt_count AND a.outcome='')",
    "the audit": "SELECT 1 FROM (SELECT count(*) AS n, max(sequence) AS last FROM audit) WHERE n>0 AND n<>last",
}


class Ledger:
    def __init__(self, world):
        self.world = world
        self.may = {}            # (thing, id) -> values that may be seen
        self.asked = {OK: Counter(), REFUSED: Counter(), UNKNOWN: Counter()}  # (action, subject) by answer
        self.interrupted = set() # (message, attempt) that were under way at a death
        self.most_in_flight = 0
        self.settled_unknown = Counter()  # lost answers: were they done or not?
        self.faults = {}
        self.latest = ""         # local time of a manual clock

    def fault(self, law, line):
        self.faults.setdefault(law, []).append(line)

    def see_clock(self, local):
        if local < self.latest:
            self.fault("the clock never goes back", f"{local}, it was {self.latest}")
        self.latest = local

    def note(self, answer, action, subject, changes):
        """changes: {(thing, id): value} that the command makes when it is done."""
        self.asked[answer][(action, subject)] += 1
        for key, value in changes.items():
            if answer == OK:
                self.may[key] = {value}
            elif answer == UNKNOWN:
                self.may[key] = self.may.get(key, {None}) | {value}

    def see(self, key, seen):
        allowed = self.may.get(key)
        if allowed is None:
            self.may[key] = {seen}  # the daemon's own doing: the times of a plan, a new task
            return
        if seen not in allowed:
            self.fault("nothing acknowledged is lost, nothing refused is there, what was not answered is there whole or not at all",
                       f"{key}: {seen!r}, it may be {sorted(map(str, allowed))}")
        if len(allowed) > 1:
            self.settled_unknown["done" if seen is not None and seen in allowed else "not done"] += 1
        self.may[key] = {seen}

    def look(self, db):
        """Compares everything that was ever asked with the database."""
        for thing, sql in LOOKS:
            seen = dict(db.execute(sql).fetchall())
            for key in {k for k in self.may if k[0] == thing} | {(thing, i) for i in seen}:
                self.see(key, seen.get(key[1]))

    @contextlib.contextmanager
    def copy(self):
        """A copy of the files as the dead process left them: reading the original would repair what its next start must."""
        folder = tempfile.mkdtemp(prefix="cobid-dead-", dir=self.world.folder)
        try:
            for name in ("cobid.db", "cobid.db-wal"):
                with contextlib.suppress(FileNotFoundError):
                    shutil.copyfile(os.path.join(self.world.state, name), os.path.join(folder, name))
            with contextlib.closing(sqlite3.connect(os.path.join(folder, "cobid.db"))) as db:
                yield db
        finally:
            shutil.rmtree(folder)

    def post_mortem(self):
        """After a death, before the next start. Returns how many messages were under way."""
        with self.copy() as db:
            if not db.execute("SELECT 1 FROM sqlite_schema WHERE name='attempt'").fetchone():
                return 0  # it died before it had made its database
            self.check_whole(db)
            self.look(db)
            sending = db.execute("SELECT id, attempt_count FROM message WHERE state='sending'").fetchall()
        self.interrupted |= set(sending)
        self.most_in_flight = max(self.most_in_flight, len(sending))
        return len(sending)

    def check_whole(self, db):
        for what, sql in WHOLE.items():
            for row in db.execute(sql).fetchmany(3):
                self.fault("after every death the database is sound and nothing in it is half done", f"{what}: {row}")

    def check_audit(self, db):
        """Each command that was said to be done is in the audit, and none that nobody gave."""
        seen = Counter({(a, s): n for a, s, n in db.execute("SELECT action, subject, count(*) FROM audit WHERE actor<>'cobid' GROUP BY action, subject")})
        for key in set(self.asked[OK]) | set(self.asked[UNKNOWN]) | set(seen):
            least, most = self.asked[OK][key], self.asked[OK][key] + self.asked[UNKNOWN][key]
            if not least <= seen[key] <= most:
                self.fault("the audit has every command that was done, once", f"{key}: {seen[key]} times, said to be done {least} times, not answered {most - least} times")
