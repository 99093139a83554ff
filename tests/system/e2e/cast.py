"""The people of a run, made from a seed. Every name, number, address and reference is a mark: unmistakable wherever it turns up."""
import re
from datetime import date, timedelta

from sms_double import LATER, LOST, REFUSED

ROUTES = ("sentence", "licence", "spo", "voluntary")
OFFICES = {
    "north": {"hours": "Mon-Fri 09:00-17:30", "rooms": "2", "phone": "+441184960001"},
    "south": {"hours": "Mon-Fri 08:30-17:30, Sat 09:00-13:00", "rooms": "2", "phone": "+441184960002"},
    "west": {"hours": "Mon-Thu 09:00-20:00, Fri 09:00-16:00", "rooms": "3", "phone": "+441184960003"},
}
PRACTITIONERS = {
    "jl": {"office": "north", "hours": "Mon-Fri 09:00-17:00", "supervisor": "mw"},
    "bo": {"office": "south", "hours": "Mon-Fri 08:30-16:30, Sat 09:00-13:00", "supervisor": "mw"},
    "ti": {"office": "west", "hours": "Mon-Wed 09:00-17:00, Thu 10:00-19:30, Fri 09:00-16:00", "supervisor": "kd"},
}
SUPERVISORS = {"kd": {"hours": "Mon-Fri 09:00-17:00"}, "mw": {"hours": "Mon-Thu 09:00-17:00", "next": "kd"}}
ADVOCATES = {"harbour-1": 0, "harbour-2": 0, "beacon-1": 1, "beacon-2": 1}
OFFICERS = ("officer-a", "officer-b", "officer-c", "officer-d")
STARTS = (date(2027, 1, 22), date(2027, 1, 25), date(2027, 1, 26), date(2027, 1, 28), date(2027, 2, 1))
SYLLABLES = ("quor", "zanth", "vexil", "brax", "jolv", "pluxi", "wrenz", "oskvu", "tyvrix", "haxb", "mizgo", "drolq", "fyzen", "kwilb", "ruvaz", "yolph")
HOUR_PATTERN = re.compile(r"([A-Z][a-z]{2})(?:-([A-Z][a-z]{2}))? (\d\d):(\d\d)-(\d\d):(\d\d)")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def intervals(text):
    """[(weekday, from minute, to minute)] of "Mon-Thu 09:30-17:00, ..."."""
    result = []
    for first, last, h1, m1, h2, m2 in HOUR_PATTERN.findall(text):
        for day in range(DAYS.index(first), DAYS.index(last or first) + 1):
            result.append((day, int(h1) * 60 + int(m1), int(h2) * 60 + int(m2)))
    return result


def inside(text, start, minutes):
    """Does a time of so many minutes from `start` (local) lie within the hours?"""
    begin = start.hour * 60 + start.minute
    return any(d == start.weekday() and f <= begin and begin + minutes <= t for d, f, t in intervals(text))


def touches(text, start, minutes):
    begin = start.hour * 60 + start.minute
    return any(d == start.weekday() and f < begin + minutes and begin < t for d, f, t in intervals(text))


class Cast:
    def __init__(self, random):
        self.random = random
        self.taken = set()
        self.offices = {i: {"name": f"{i.capitalize()} office", "address": f"{n + 1} High Street, Reading", **o} for n, (i, o) in enumerate(OFFICES.items())}
        self.supervisors = {i: {"name": self.name(), "email": f"{i}.{self.word()}@service.example", **s} for i, s in SUPERVISORS.items()}
        self.practitioners = {i: {"name": self.name(), "email": f"{i}.{self.word()}@service.example", **p} for i, p in PRACTITIONERS.items()}
        self.officers = {i: {"name": self.name(), "email": f"{i}.{self.word()}@police.example", "organisation": f"{self.word().capitalize()} Police"}
                         for i in OFFICERS}
        self.services = [f"{self.word().capitalize()} Support", f"{self.word().capitalize()} Advocacy"]
        self.advocates = {i: {"service": self.services[s], "name": self.name(), "email": f"{i}.{self.word()}@support.example", "phone": f"+4411849605{n:02}"}
                          for n, (i, s) in enumerate(ADVOCATES.items())}
        self.participants = {}
        self.links = []  # (advocate, participant, case reference, level)
        for n in range(30):
            self.add_participant(n)
        self.absences = [("practitioner", "jl", date(2027, 2, 15), date(2027, 2, 19)), ("practitioner", "bo", date(2027, 3, 8), date(2027, 3, 9)),
                         ("practitioner", "ti", date(2027, 4, 12), date(2027, 4, 13)), ("participant", "P-1003", date(2027, 2, 9), date(2027, 2, 12)),
                         ("supervisor", "mw", date(2027, 2, 22), date(2027, 2, 26))]

    def word(self):
        while True:
            word = "".join(self.random.choice(SYLLABLES) for _ in range(self.random.choice((2, 3))))
            if word not in self.taken and not any(word in w or w in word for w in self.taken):
                self.taken.add(word)
                return word

    def name(self):
        return f"{self.word().capitalize()} {self.word().capitalize()}"

    def add_participant(self, n):
        ref = f"P-{1001 + n}"
        practitioner = list(PRACTITIONERS)[n % 3]
        first, last = self.word().capitalize(), self.word().capitalize()
        p = {"programme": "cobi-12", "route": ROUTES[n % 4], "practitioner": practitioner, "office": PRACTITIONERS[practitioner]["office"],
             "name": f"{first} {last}", "mobile": f"+447700900{100 + n}", "start": STARTS[n % len(STARTS)].isoformat()}
        if self.random.random() < 0.6:
            p["email"] = f"{first.lower()}.{last.lower()}@mail.example"
        if self.random.random() < 0.4:
            p["greeting"] = "first-name"
        if self.random.random() < 0.3:
            p["place-label"] = f"the {self.word().capitalize()} building"
        if self.random.random() < 0.2:
            p["consequence"] = "yes"
        if self.random.random() < 0.5:
            p["prefer"] = self.preference(practitioner)
        if self.random.random() < 0.3:
            p["unavailable"] = self.random.choice(("Mon-Fri 09:00-11:00", "Fri 12:00-17:00", "Mon-Wed 13:00-17:00"))
        if p["route"] != "voluntary":
            p["officer"] = self.random.choice(OFFICERS)
            p["officer-ref"] = f"OFFREF-{self.word()}"
        self.odd_ones(n, p)
        self.participants[ref] = p
        self.add_links(n, ref)

    def language(self, ref):
        return self.participants[ref].get("language", "en")

    def preference(self, practitioner):
        day, begin, end = self.random.choice(intervals(PRACTITIONERS[practitioner]["hours"]))
        minute = self.random.randrange(begin, end - 119, 30)
        return f"{DAYS[day]} {minute // 60:02}:{minute % 60:02}"

    def odd_ones(self, n, p):
        """Those whom a calendar for everybody forgets."""
        mail = f"{p['name'].lower().replace(' ', '.')}@mail.example"
        if n == 2:    # no phone at all
            del p["mobile"]
            p["email"] = mail
        elif n == 3:  # neither phone nor mail
            del p["mobile"]
            p.pop("email", None)
        elif n == 5:  # wants no texts
            p.update(sms="no", email=mail)
        elif n == 7:  # the gateway refuses the number; there is a mail address
            p.update(mobile=REFUSED[0], email=mail)
        elif n == 8:  # the same without one
            p.update(mobile=REFUSED[1])
            p.pop("email", None)
        elif n == 10:  # each text is asked for again later
            p.update(mobile=LATER)
        elif n == 11:  # each answer is lost
            p.update(mobile=LOST, email=mail)
        elif n == 13:  # a licence without an officer on record
            p.pop("officer", None)
            p["route"] = "licence"
        elif n == 14:
            p["mode"] = "phone"
        elif n in (4, 16, 20, 28):
            p["language"] = "cy"
        elif n == 17:  # the last evening slot of the week
            p.update(prefer="Thu 17:00")
            p.pop("unavailable", None)

    def add_links(self, n, ref):
        count = (1, 0, 2, 1, 3, 0)[n % 6]
        for advocate in self.random.sample(sorted(ADVOCATES), count):
            level = "missed" if self.random.random() < 0.3 else "all"
            self.links.append((advocate, ref, f"CASE-{self.word()}", level))

    # ---- marks: what must not turn up where it does not belong ----

    @staticmethod
    def marks_of(person):
        words = [w.lower() for w in person["name"].split()]
        for field in ("email", "service", "organisation", "officer-ref", "place-label"):
            words += [w for w in re.split(r"[^a-z]+", person.get(field, "").lower()) if len(w) > 7]
        words += [person[f][3:] for f in ("mobile", "phone") if person.get(f, "").startswith("+44")]
        return [w for w in words if w not in ("example", "service", "support", "advocacy", "building")]

    def advocate_marks(self):
        return [m for a in self.advocates.values() for m in self.marks_of(a)] + [ref.lower() for _, _, ref, _ in self.links]

    def staff_marks(self):
        return [m for group in (self.supervisors, self.practitioners, self.officers) for person in group.values() for m in self.marks_of(person)]

    def participant_marks(self, without=None):
        return [m for ref, p in self.participants.items() if ref != without for m in self.marks_of(p)]


def between(first, last):
    while first <= last:
        yield first
        first += timedelta(days=1)
