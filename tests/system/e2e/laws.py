"""What must hold at the end, from three witnesses: what cobictl lists, what the database holds, and what phones and mailboxes got."""
import email
import email.policy
import quopri
import re
from collections import Counter, defaultdict
from datetime import datetime, timedelta

from cast import inside, touches
from story import LONDON, PRIVATE, local
from world import OPERATOR, SENDER_DOMAIN, SOURCE, from_us, instant

FINAL = {"accepted", "failed", "cancelled", "expired", "skipped", "unknown", "delivered", "undelivered"}
REASONED = FINAL - {"accepted", "delivered"}
FORBIDDEN = re.compile(r"\b(cobi\w*|stalk\w*|dbt|therap\w*|probation|courts?|victims?|spo)\b", re.I)
CLOCK_WORDS = re.compile(r"\b\d{1,2}(:\d\d)?\s?[ap]m\b|\b\d\d:\d\d\b|\bmidday\b", re.I)
SESSION_NUMBER = re.compile(r"\bsession\b|\b\d+ of \d+\b", re.I)
MAY_REPEAT = {"escalation", "advocate_notice", "officer_notice", "stand_down", "alarm", "task", "change", "cancellation"}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MAIN_STEP = 1  # of etc/reminders.conf: the evening before


def bank_holidays():
    with open(f"{SOURCE}/etc/england-and-wales.ics", encoding="utf-8") as file:
        return {datetime.strptime(d, "%Y%m%d").date() for d in re.findall(r"DTSTART;VALUE=DATE:(\d{8})", file.read())}


def clock_text(t):
    if (t.hour, t.minute) == (12, 0):
        return "midday"
    hour = t.hour % 12 or 12
    return f"{hour}{f':{t.minute:02}' if t.minute else ''}{'am' if t.hour < 12 else 'pm'}"


WELSH_DAYS = ("Llun", "Mawrth", "Mercher", "Iau", "Gwener", "Sadwrn", "Sul")
WELSH_MONTHS = ("Ion", "Chwef", "Maw", "Ebr", "Mai", "Meh", "Gorff", "Awst", "Medi", "Hyd", "Tach", "Rhag")


def welsh_clock_text(t):
    if (t.hour, t.minute) == (12, 0):
        return "hanner dydd"
    part = "y bore" if t.hour < 12 else "y prynhawn" if t.hour < 18 else "yr hwyr"
    return f"{t.hour % 12 or 12}{f':{t.minute:02}' if t.minute else ''} {part}"


def short_text(t, language="en"):
    if language == "cy":
        return f"dydd {WELSH_DAYS[t.weekday()]} {t.day} {WELSH_MONTHS[t.month - 1]} am {welsh_clock_text(t)}"
    return f"{t:%a} {t.day} {MONTHS[t.month - 1]} at {clock_text(t)}"


class Arrived(dict):
    """What arrived, by message."""

    def __missing__(self, ident):
        return ()


class Laws:
    def __init__(self, story):
        self.story, self.cast, self.world = story, story.cast, story.world
        self.messages = {m["id"]: m for m in self.world.ctl("message", "list")}
        self.sessions = {s["id"]: s for s in self.world.ctl("session", "list")}
        self.rows = {r["id"]: r for r in self.world.rows(
            "SELECT id, revision, step, ordinal, topic, participant, escalation, task, repeat, created_us FROM message")}
        self.attempts = defaultdict(list)
        for r in self.world.rows("SELECT message, outcome, detail FROM attempt ORDER BY message, attempt"):
            self.attempts[r["message"]].append(r["outcome"])
        self.chains = self.world.rows("SELECT id, kind, audience, advocate, participant, session, state, told FROM escalation")
        self.holidays = bank_holidays()
        self.texts, self.mails = Arrived(), Arrived()
        for t in story.texts.texts:
            self.texts.setdefault(t["reference"].rsplit("-", 1)[0], []).append(t)
        for m in story.box.mails:
            self.mails.setdefault(m.message_id, []).append(m)

    def arrived(self, ident):
        return len(self.texts[ident] if self.messages[ident]["channel"] == "sms" else self.mails[ident])

    def received(self, ident):
        """When a message arrived; not known of one that the daemon was killed with."""
        times = [t["at"] for t in self.texts[ident]] if self.messages[ident]["channel"] == "sms" else [m.at for m in self.mails[ident]]
        return [t for t in times if t is not None]

    # ---- dispositions ----

    def one_disposition(self):
        """every message is in exactly one final disposition, with a reason where it did not arrive"""
        now, listed = self.world.now(), self.world.rows("SELECT count(*) AS n FROM message")[0]["n"]
        if listed != len(self.messages):
            yield f"{len(self.messages)} listed, {listed} rows"
        for m in self.messages.values():
            if m["state"] not in FINAL:
                yield f"{m['id']} {m['kind']}: {m['state']}, due {m['due']}, now {now}"
            if m["state"] in REASONED and not m["reason"]:
                yield f"{m['id']} {m['kind']}: {m['state']} without a reason"
            if (m["state"] == "skipped") != (m["attempts"] == 0 and not m["gateway"] and m["state"] not in ("cancelled", "expired", "failed")):
                yield f"{m['id']} {m['kind']}: {m['state']} after {m['attempts']} attempts"

    def once(self):
        """each accepted message arrived exactly once, and nothing arrived that is not listed"""
        for ident in list(self.texts) + list(self.mails):
            if ident not in self.messages:
                yield f"{ident}: arrived, and is not listed"
        for m in self.messages.values():
            seen = self.arrived(m["id"])
            lost = self.attempts[m["id"]].count("uncertain")
            wanted = {"accepted": 1, "unknown": None}.get(m["state"], 0)
            if m["state"] == "unknown" and (seen > lost or (lost != 1 and m["kind"] not in MAY_REPEAT)):
                yield f"{m['id']} {m['kind']}: unknown, {lost} lost answers, arrived {seen} times"
            elif wanted is not None and seen != wanted and not self.repeated(m, seen, lost):
                yield f"{m['id']} {m['kind']} {m['audience']}: {m['state']}, arrived {seen} times, attempts {self.attempts[m['id']]}"
            wrong = {"sms": self.mails, "email": self.texts}[m["channel"]][m["id"]]
            if wrong:
                yield f"{m['id']}: arrived on another channel"

    def repeated(self, m, seen, lost):
        """Killed between the gateway's acceptance and its answer: only some kinds may go again, and say so."""
        if m["kind"] not in MAY_REPEAT or m["channel"] != "email" or not lost or seen > 1 + lost or seen < 1:
            return False
        return "may be a repeat" in self.mails[m["id"]][-1].body or m["kind"] in ("task", "alarm", "change", "cancellation")

    def to_whom(self):
        """each message went to the address of its recipient, from the neutral sender"""
        for ident, texts in self.texts.items():
            person = self.cast.participants.get(self.messages[ident]["recipient"], {})
            for t in texts:
                if t["to"] != person.get("mobile") or t["to"] != self.messages[ident]["to"] or t["from"] != "Appointment" or person.get("sms") == "no":
                    yield f"{ident}: to {t['to']} from {t['from']}"
        for ident, mails in self.mails.items():
            m = self.messages[ident]
            wanted = OPERATOR if m["audience"] == "operator" else self.person(m["audience"], m["recipient"])["email"]
            sender = f"{'appointments' if m['audience'] == 'participant' else 'sessions'}@{SENDER_DOMAIN}"
            for mail in mails:
                if [mail.to] != [wanted] or mail.envelope_to != [wanted] or mail.envelope_from != sender or mail.greeting != SENDER_DOMAIN \
                        or mail.message_host != SENDER_DOMAIN:
                    yield f"{ident}: to {mail.envelope_to}, from {mail.envelope_from}, EHLO {mail.greeting}"

    def person(self, audience, ident):
        return getattr(self.cast, audience + "s")[ident]

    # ---- times ----

    def in_time(self):
        """nothing arrived before it was due, nor at or after its not_after, and the times agree"""
        for m in self.messages.values():
            for at in self.received(m["id"]):
                if at < instant(m["due"]).replace(microsecond=0) or (m["not_after"] and at >= instant(m["not_after"])):
                    yield f"{m['id']} {m['kind']}: due {m['due']}, not after {m['not_after']}, arrived {at}"
                elif m["state"] == "accepted" and not self.rows[m["id"]]["repeat"] and at != instant(m["sent_at"]).replace(microsecond=0):
                    yield f"{m['id']}: sent at {m['sent_at']}, arrived {at}"
            if len(self.received(m["id"])) != self.arrived(m["id"]) and "uncertain" not in self.attempts[m["id"]]:
                yield f"{m['id']}: arrived while the daemon told no time"
            for mail in self.mails[m["id"]]:
                if mail.at is not None and mail.date != mail.at:
                    yield f"{m['id']}: Date {mail.date}, arrived {mail.at}"

    def window_of(self, day):
        quiet = day.weekday() == 6 or day in self.holidays
        return (600, 1080) if quiet else (540, 1200)

    def in_window(self):
        """participants hear only inside the send window, and of a miss only in the office's hours"""
        for m in self.messages.values():
            if m["audience"] != "participant":
                continue
            for at in self.received(m["id"]):
                wall = at.astimezone(LONDON)
                minute, (first, last) = wall.hour * 60 + wall.minute, self.window_of(wall.date())
                if m["kind"] in ("change", "cancellation") and self.same_day(m, wall.date()):
                    first = 420
                office = self.cast.offices[self.cast.participants[m["recipient"]]["office"]]
                if m["kind"] == "missed_contact" and (not inside(office["hours"], wall, 1) or wall.date() in self.holidays):
                    yield f"{m['id']} missed_contact at {wall}"
                elif m["kind"] != "missed_contact" and not first <= minute < last:
                    yield f"{m['id']} {m['kind']} at {wall}"

    def same_day(self, m, day):
        promised = [p[0].date() for (s, _), p in self.story.promised.items() if s == m["session"]]
        return day in promised

    def reminders(self):
        """every session that came has its main reminder or a reason, of its last revision, before it began"""
        steps = defaultdict(list)
        for m in self.messages.values():
            if m["kind"] == "reminder":
                row = self.rows[m["id"]]
                steps[(m["session"], row["revision"], row["step"])].append(m)
        recorded_before = {r["session"] for r in self.world.rows("SELECT session FROM session_history h WHERE what='recorded' AND at_us < (SELECT start_us FROM session s WHERE s.id=h.session)")}
        for s in self.sessions.values():
            if s["state"] == "cancelled" or instant(s["start"]) > self.world.now():
                continue
            found = steps[(s["id"], s["revision"], MAIN_STEP)]
            if not found and s["id"] not in recorded_before:
                yield f"{s['participant']} {s['number']}: no main reminder of revision {s['revision']}"
            if sum(self.rows[m["id"]]["ordinal"] == 0 for m in found) > 1:
                yield f"{s['participant']} {s['number']}: {len(found)} main reminders"
        for (session, revision, _), found in steps.items():
            start, ended = self.promised(session, revision)
            for m in found:
                for at in self.received(m["id"]):
                    if at > start.replace(tzinfo=LONDON) - timedelta(hours=3) or (ended and at > ended):
                        yield f"{m['id']}: arrived {at} for a session at {start}, moved {ended}"

    def promised(self, session, revision):
        """Local start of a revision, and when the next one was made, if one was."""
        start = self.story.promised[(session, revision)][0]
        later = self.story.promised.get((session, revision + 1))
        return start, later[1] if later else None

    def right_time(self):
        """reminders and changes say the weekday, date and time of their session's revision, in the participant's language"""
        for m in self.messages.values():
            if m["audience"] != "participant" or m["kind"] not in ("reminder", "change", "cancellation") or not self.received(m["id"]):
                continue
            revision = self.rows[m["id"]]["revision"]
            body = " ".join(self.texts[m["id"]][0]["text"].split() if m["channel"] == "sms" else self.mails[m["id"]][0].body.split())
            language = self.cast.language(m["recipient"])
            if m["kind"] == "change":
                moved = "wedi'i symud" if language == "cy" else "has moved"
                old = [self.story.promised[(m["session"], r)][0] for r in range(revision) if (m["session"], r) in self.story.promised]
                wanted = short_text(self.promised(m["session"], revision)[0], language)
                if wanted not in body or not any(f"{short_text(o, language)} {moved}" in body for o in old):
                    yield f"{m['id']}: {body!r}, not {wanted}"
            elif short_text(self.promised(m["session"], max(0, revision - (m["kind"] == "cancellation")))[0], language) not in body:
                yield f"{m['id']} {m['kind']}: {body!r}"

    # ---- the plan ----

    def plan(self):
        """no session breaks the hours, a holiday, an absence, a wish or another session"""
        live = [s for s in self.sessions.values() if s["state"] != "cancelled"]
        for s in live:
            start, p = local(s["local"]), self.cast.participants[s["participant"]]
            if start.replace(tzinfo=LONDON) != instant(s["start"]):
                yield f"{s['id']}: local {start}, start {s['start']}"
            if not inside(self.cast.practitioners[s["practitioner"]]["hours"], start, s["minutes"]) or not inside(self.cast.offices[s["office"]]["hours"], start, s["minutes"]):
                yield f"{s['participant']} {s['number']}: {start} is outside the hours"
            if start.date() in self.holidays or ("unavailable" in p and touches(p["unavailable"], start, s["minutes"])):
                yield f"{s['participant']} {s['number']}: {start} is a holiday or unwanted"
            if any(i in (s["practitioner"], s["participant"]) and f <= start.date() <= t for _, i, f, t in self.cast.absences):
                yield f"{s['participant']} {s['number']}: {start} is in an absence"
        yield from self.overlaps(live)

    def overlaps(self, live):
        by_day, by_practitioner, by_office = Counter(), defaultdict(list), defaultdict(list)
        for s in live:
            by_day[(s["participant"], s["local"][:10])] += 1
            span = (instant(s["start"]), instant(s["start"]) + timedelta(minutes=s["minutes"]))
            by_practitioner[s["practitioner"]].append(span)
            if self.cast.participants[s["participant"]].get("mode") != "phone":
                by_office[s["office"]].append(span)
        for key, count in by_day.items():
            if count > 1:
                yield f"{key}: {count} sessions on one day"
        for owners, most in ((by_practitioner, lambda _: 1), (by_office, lambda o: int(self.cast.offices[o]["rooms"]))):
            for owner, spans in owners.items():
                for begin, _ in spans:
                    if sum(b <= begin < e for b, e in spans) > most(owner):
                        yield f"{owner}: too many sessions at {begin}"

    # ---- a miss is never silent ----

    def links_at(self, participant, at):
        return [a for a, p, _, _ in self.cast.links if p == participant and self.story.linked_since.get((a, p), at) <= at
                and self.story.unlinked.get((a, p), at + timedelta(1)) > at]

    def misses(self):
        """each miss reached a supervisor and, apart from that, each linked advocate"""
        for session, (code, at) in self.story.misses.items():
            participant = self.sessions[session]["participant"]
            chains = [c for c in self.chains if c["session"] == session and c["kind"] == "missed"]
            if [c["audience"] for c in chains].count("supervisor") != 1:
                yield f"{session} {code}: {len(chains)} chains, not one for the supervisor"
            heard = sorted(c["advocate"] for c in chains if c["audience"] == "advocate")
            if heard != sorted(self.links_at(participant, at)):
                yield f"{session} {code}: chains for {heard}, linked {self.links_at(participant, at)}"
            for c in chains:
                yield from self.first_notice(c, at)

    def first_notice(self, chain, at):
        notices = [i for i, r in self.rows.items() if r["escalation"] == chain["id"] and self.mails[i]]
        if not notices:
            yield f"{chain['id']} {chain['audience']}: nobody got a mail"
            return
        first = min((self.mails[i][0] for i in notices), key=lambda m: m.date)
        if not at <= first.date <= at + timedelta(minutes=6):
            yield f"{chain['id']}: recorded {at}, first mail {first.date}"
        if chain["audience"] == "advocate" and first.to != self.cast.advocates[chain["advocate"]]["email"]:
            yield f"{chain['id']}: the mail went to another advocate"

    def not_missed(self):
        """nobody hears of a miss that was taken back, or that nobody recorded"""
        for c in self.chains:
            if c["kind"] == "missed" and c["session"] not in self.story.misses:
                yield f"{c['id']}: session {c['session']} was not missed"
        for m in self.messages.values():
            if m["kind"] in ("officer_notice", "missed_contact") and m["session"] in self.story.undone:
                yield f"{m['id']} {m['kind']}: about what was taken back"

    def unrecorded(self):
        """a session whose outcome nobody records is raised, and the practitioner is asked first"""
        never = [s for s, fate in self.story.fates.items() if fate == "never"]
        if not never:
            yield "the run had none"
        for session in never:
            chains = [c["state"] for c in self.chains if c["session"] == session and c["kind"] == "unrecorded"]
            if chains != ["resolved"]:
                yield f"{session}: chains {chains}, resolved by the outcome at the very end"
            if session not in self.story.never_recorded:
                yield f"{session}: did not wait for its outcome until the end"
            if not any(m["session"] == session and m["kind"] == "outcome_request" and m["state"] == "accepted" for m in self.messages.values()):
                yield f"{session}: the practitioner was not asked"

    def officers(self):
        """officers hear by route: licence and SPO of each provisional miss, all routes of a confirmed one"""
        told = Counter(m["session"] for m in self.messages.values() if m["kind"] == "officer_notice" and self.mails[m["id"]])
        for s in self.sessions.values():
            p = self.cast.participants[s["participant"]]
            hears = s["outcome"] in ("UAAB", "AFTC", "ATSH") or (s["outcome"] == "AFTA" and p["route"] in ("licence", "spo"))
            if told[s["id"]] != (hears and "officer" in p):
                yield f"{s['participant']} {s['number']} {s['outcome']} ({p['route']}): {told[s['id']]} notices"
            if hears and "officer" not in p and not any(m["kind"] == "alarm" and s["id"] in (m["body"] or "") for m in self.messages.values()):
                yield f"{s['participant']} {s['number']}: no officer on record and no alarm"

    def advocates_told(self):
        """advocates hear the status they asked for, once each, and nothing after the link ended"""
        attended = {s["participant"] for s in self.sessions.values() if s["outcome"] in ("ATTC", "AFTC", "ATSS")}
        for advocate, participant, case_ref, level in self.cast.links:
            mails = [(self.rows[i]["topic"], m) for i, ms in self.mails.items() for m in ms[:1]
                     if self.messages[i]["recipient"] == advocate and self.rows[i]["participant"] == participant]
            topics = Counter(t for t, _ in mails)
            wanted = {"enrolled": 1, "started": int(participant in attended)} if level == "all" else {"enrolled": 0, "started": 0, "paused": 0, "ended": 0}
            ended = self.story.unlinked.get((advocate, participant))
            late = (advocate, participant) in self.story.linked_since
            if late and not topics["enrolled"]:
                yield f"{advocate} on {participant}: linked late, and never told enrolled"
            if not ended and not late and {t: topics[t] for t in wanted} != wanted:
                yield f"{advocate} on {participant} ({level}): {dict(topics)}"
            for topic, mail in mails:
                if case_ref not in mail.body or (ended and mail.date > ended):
                    yield f"{advocate} on {participant}: {topic} at {mail.date}, link ended {ended}"

    # ---- what people see ----

    def subjects(self):
        """no subject names a person"""
        marks = self.cast.staff_marks() + self.cast.advocate_marks() + self.cast.participant_marks()
        for mail in self.story.box.mails:
            if found := [w for w in marks if w in mail.subject.lower()]:
                yield f"{mail.message_id}: {found}"

    def participant_bytes(self):
        """{participant: [(what, text)]}: all that this person can see, as sent and as shown."""
        seen = defaultdict(list)
        for ident, texts in self.texts.items():
            seen[self.messages[ident]["recipient"]] += [(ident, t["raw"].decode()) for t in texts]
        for ident, mails in self.mails.items():
            if self.messages[ident]["audience"] == "participant":
                for m in mails:
                    shown = str(email.message_from_bytes(m.raw, policy=email.policy.default))
                    seen[self.messages[ident]["recipient"]].append(
                        (ident, "\n".join((m.raw.decode("ascii"), quopri.decodestring(m.raw).decode("utf-8"), shown, m.envelope_from, m.greeting))))
        for participant, bodies in self.story.feed_seen.items():
            seen[participant] += [("feed", b.decode("utf-8").replace("\r\n ", "")) for b in bodies]
        return seen

    def neutral(self):
        """no byte that a participant sees has a forbidden word or a mark of anybody else"""
        for participant, seen in self.participant_bytes().items():
            marks = self.cast.advocate_marks() + self.cast.staff_marks() + self.cast.participant_marks(without=participant) + [PRIVATE]
            own = set(self.cast.marks_of(self.cast.participants[participant]))
            for what, text in seen:
                squeezed = re.sub(r"[\s.]", "", text.lower())
                if found := [w for w in marks if w not in own and w in (squeezed if w.isdigit() else text.lower())]:
                    yield f"{participant} {what}: {found}"
                if match := FORBIDDEN.search(text):
                    yield f"{participant} {what}: {match[0]!r}"

    def small(self):
        """a text is one part (in Welsh at most three), without a link, a session number or the participant's reference"""
        most = {p["mobile"]: 160 if self.cast.language(ref) == "en" else 201 for ref, p in self.cast.participants.items() if "mobile" in p}
        for t in self.story.texts.texts:
            if len(t["text"]) > most[t["to"]] or not t["text"].isascii() or re.search(r"https?:|www\.", t["text"]) or SESSION_NUMBER.search(t["text"]) or "P-1" in t["text"]:
                yield f"{t['reference']}: {t['text']!r}"

    def one_language(self):
        """what a participant reads is in one language, theirs"""
        welsh = 0
        for m in self.messages.values():
            if m["audience"] != "participant" or not self.received(m["id"]):
                continue
            body = self.texts[m["id"]][0]["text"] if m["channel"] == "sms" else self.mails[m["id"]][0].body
            cy = self.cast.language(m["recipient"]) == "cy"
            welsh += cy
            if ("apwyntiad" in body.lower()) != cy or ("appointment" in body) == cy or re.search(r"\b(at|Please|call)\b", body) and cy:
                yield f"{m['id']} {m['kind']} to {m['recipient']}: {body!r}"
        if welsh < 40:
            yield f"only {welsh} messages in Welsh"

    def advocates_see(self):
        """an advocate's mail has the service's own reference and no name, place, time, office or other case"""
        all_refs = [ref for _, _, ref, _ in self.cast.links]
        others = self.cast.participant_marks() + self.cast.staff_marks() + [PRIVATE] + list(self.cast.participants)
        others += [w.lower() for o in self.cast.offices.values() for w in (o["name"], o["address"], o["phone"][3:])]
        for ident, mails in self.mails.items():
            m = self.messages[ident]
            if m["audience"] != "advocate":
                continue
            own = [ref for a, p, ref, _ in self.cast.links if (a, p) == (m["recipient"], self.rows[ident]["participant"])]
            marks = [w for w in others if w not in self.cast.marks_of(self.cast.advocates[m["recipient"]])]
            marks += [w for a, person in self.cast.advocates.items() if a != m["recipient"] for w in self.cast.marks_of(person)
                      if w not in self.cast.marks_of(self.cast.advocates[m["recipient"]])]
            for mail in mails:
                text = f"{mail.subject}\n{mail.words()}"
                squeezed = re.sub(r"[\s.]", "", text.lower())
                if found := [w for w in marks if w.lower() in (squeezed if w.isdigit() else text.lower())]:
                    yield f"{ident}: {found}"
                if sorted(r for r in all_refs if r in text) != own or CLOCK_WORDS.search(text) or m["session"] and m["session"] in text:
                    yield f"{ident}: {text!r}"

    def private(self):
        """what staff note down for themselves is in no message"""
        for mail in self.story.box.mails:
            if PRIVATE.encode() in mail.raw:
                yield mail.message_id

    def log(self):
        """the daemon's log has no name, number, address or token"""
        text = self.world.log_text()
        plain = text
        for ident in sorted([*self.messages, *self.sessions, *(c["id"] for c in self.chains)], key=len, reverse=True):
            plain = plain.replace(ident, "ID")
        marks = self.cast.advocate_marks() + self.cast.staff_marks() + self.cast.participant_marks() + [PRIVATE, "@"]
        marks += [part for m in self.story.box.mails for part in m.link() or ()] + [url.rsplit("/", 1)[1][:-4] for _, _, url in self.story.feeds]
        for line, shown in zip(text.splitlines(), plain.splitlines()):
            if any(w in line.lower() or w in line for w in marks) or re.search(r"[0-9]{9,}", shown):
                yield line
        if not text:
            yield "nothing was logged at all"

    def audit(self):
        """the chained record of changes names who did what, and its sequence has no hole"""
        rows = self.world.rows("SELECT sequence, action, hash FROM audit ORDER BY sequence")
        if [r["sequence"] for r in rows] != list(range(1, len(rows) + 1)) or len({r["hash"] for r in rows}) != len(rows):
            yield f"{len(rows)} rows"
        if not {"session outcome", "session move", "escalation acknowledge"} <= {r["action"] for r in rows}:
            yield f"actions: {sorted({r['action'] for r in rows})}"

    def summary(self):
        """Counts for people."""
        table = Counter((m["kind"], m["audience"], m["channel"], m["state"], m["reason"] or "") for m in self.messages.values())
        for (kind, audience, channel, state, reason), count in sorted(table.items()):
            yield f"{count:5} {kind:16} {audience:12} {channel:5} {state:9} {reason}"


LAWS = (Laws.one_disposition, Laws.once, Laws.to_whom, Laws.in_time, Laws.in_window, Laws.reminders, Laws.right_time, Laws.one_language, Laws.plan, Laws.misses, Laws.not_missed,
        Laws.unrecorded, Laws.officers, Laws.advocates_told, Laws.subjects, Laws.neutral, Laws.small, Laws.advocates_see, Laws.private, Laws.log, Laws.audit)
