"""People whose every field is a mark, and the matrix: where each mark may be read.

Sinks are text:WHO, mail:WHO (what was on the wire or in a spool), feed:KIND:WHO, page:ack:WHO, page:error, hook, log, ops, process, disk (database, WAL), backup (as disk),
status (what systemd shows), metrics, accepted (copies of the configuration), admin:participant:WHO and admin:advocate:WHO (what cobictl shows of them). What is not listed is forbidden.
"""
FIRST_DAY = "2027-01-04 08:00"

CAST = {"office": {}, "supervisor": {}, "practitioner": {}, "officer": {}, "advocate": {}, "participant": {}}
ADDRESSES = {}  # of people: {"email": ..., "mobile": ...}
MATRIX = {}     # mark -> sinks
VALUES = {}     # mark -> value
LINKS = []
NOTES = {}


def mark(name, value, *sinks):
    VALUES[name], MATRIX[name] = value, sinks
    return value


def email(noun, ident, word):
    """The address and its domain: on the wire to its owner."""
    mark(f"{noun}.{ident}.mailbox", f"qzmb{word}", f"mail:{ident}", *shown(noun, ident))
    mark(f"{noun}.{ident}.domain", f"qzdo{word}", f"mail:{ident}", *shown(noun, ident))
    return f"qzmb{word}@qzdo{word}.example"


def shown(noun, ident):
    return (f"admin:{noun}:{ident}",) if noun in ("participant", "advocate") else ()


def office(ident, word, phone):
    CAST["office"][ident] = {
        "name": f"{mark(f'office.{ident}.name', f'Qzof{word}')} House",
        "address": f"7 {mark(f'office.{ident}.address', f'Qzad{word}')} Road",
        # The number to call is for everybody whose case is there; what each mail says of it is the template's matter.
        "phone": mark(f"office.{ident}.phone", phone, "text:QZREF-*", "mail:QZREF-*", "mail:QZPRAC*", "mail:QZSUP*", "mail:QZOFF*", "mail:QZADV*", "admin:participant:*"),
        "hours": f"Mon-Fri {mark(f'office.{ident}.hours', '08:51-17:4' + phone[-1], 'disk')}", "rooms": "3"}
    mark(f"office.{ident}.id", ident, "disk", "admin:participant:*", "log")


def supervisor(ident, word, mobile, **more):
    CAST["supervisor"][ident] = {
        "name": f"{mark(f'supervisor.{ident}.first', f'Qzsf{word}', 'mail:QZSUP*', 'mail:QZPRAC*')} {mark(f'supervisor.{ident}.last', f'Qzsl{word}', 'mail:QZSUP*', 'mail:QZPRAC*')}",
        "email": email("supervisor", ident, f"sup{word}"), "mobile": mark(f"supervisor.{ident}.mobile", mobile), **more}
    mark(f"supervisor.{ident}.id", ident, "disk", "log")
    ADDRESSES[ident] = {"email": CAST["supervisor"][ident]["email"]}


def practitioner(ident, word, mobile, at):
    own = ("mail:QZSUP*", f"mail:{ident}")
    CAST["practitioner"][ident] = {
        "name": f"{mark(f'practitioner.{ident}.first', f'Qzpf{word}', *own)} {mark(f'practitioner.{ident}.last', f'Qzpl{word}', *own)}",
        "email": email("practitioner", ident, f"pra{word}"), "mobile": mark(f"practitioner.{ident}.mobile", mobile), "office": at, "supervisor": "QZSUPALFA",
        "hours": "Mon-Fri 09:00-17:00"}
    mark(f"practitioner.{ident}.id", ident, "disk", "log", "admin:participant:*")
    ADDRESSES[ident] = {"email": CAST["practitioner"][ident]["email"]}


def officer(ident, word, phone):
    CAST["officer"][ident] = {
        "name": f"{mark(f'officer.{ident}.first', f'Qzff{word}')} {mark(f'officer.{ident}.last', f'Qzfl{word}')}", "email": email("officer", ident, f"off{word}"),
        "organisation": f"{mark(f'officer.{ident}.organisation', f'Qzor{word}')} Police", "phone": mark(f"officer.{ident}.phone", phone)}
    mark(f"officer.{ident}.id", ident, "disk", "log", "admin:participant:*")
    ADDRESSES[ident] = {"email": CAST["officer"][ident]["email"]}


def advocate(ident, word, phone, service):
    own = shown("advocate", ident)
    CAST["advocate"][ident] = {
        "service": service, "name": f"{mark(f'advocate.{ident}.first', f'Qzaf{word}', *own)} {mark(f'advocate.{ident}.last', f'Qzal{word}', *own)}",
        "email": email("advocate", ident, f"adv{word}"), "phone": mark(f"advocate.{ident}.phone", phone, *own),
        # The supervisor who is asked to call them is told when that is safe.
        "hours": f"Mon-Thu {mark(f'advocate.{ident}.hours', '10:1' + phone[-1] + '-15:35', 'disk', 'mail:QZSUP*', *own)}"}
    mark(f"advocate.{ident}.id", ident, "disk", "log", *own)
    ADDRESSES[ident] = {"email": CAST["advocate"][ident]["email"]}


def participant(ident, word, fields, mobile="", address=False, greeted=False, placed=True, officer_of=""):
    own, page = (f"text:{ident}", f"mail:{ident}"), shown("participant", ident)
    p = {"programme": "cobi-12", "start": "2027-01-05", **fields,
         "name": f"{mark(f'participant.{ident}.first', f'Qzrf{word}', *(own if greeted else ()), *page)} {mark(f'participant.{ident}.last', f'Qzrl{word}', *page)}",
         "referred": mark(f"participant.{ident}.referred", f"2026-12-1{ident[-1]}", "disk", *page),
         "order-ends": mark(f"participant.{ident}.order_ends", f"2027-06-1{ident[-1]}", "disk", *page),
         "unavailable": f"Sat {mark(f'participant.{ident}.unavailable', f'07:1{ident[-1]}-07:59', 'disk', *page)}"}
    if placed:
        p["place-label"] = f"the {mark(f'participant.{ident}.place_label', f'Qzrp{word}', *own, *page)} hall"
    if greeted:
        p["greeting"] = "first-name"
    if mobile:
        p["mobile"] = mark(f"participant.{ident}.mobile", mobile, f"text:{ident}", *page)
    if address:
        p["email"] = email("participant", ident, f"par{word}")
    if officer_of:
        p["officer"] = officer_of
        p["officer-ref"] = mark(f"participant.{ident}.officer_ref", f"QZFREF{word}", f"mail:{officer_of}", *page)
    # Our reference is for staff: in their mails, calendars and pages; not for officers and advocates, who have their own.
    mark(f"participant.{ident}.id", ident, "disk", "log", "mail:QZPRAC*", "mail:QZSUP*", "mail:operator", "feed:practitioner:*", "feed:office:*", "page:ack:QZSUP*",
         "admin:advocate:*", *page)
    CAST["participant"][ident] = p
    ADDRESSES[ident] = {k: p[k] for k in ("mobile", "email") if k in p}


def link(advocate_id, ref, case_ref, level="all"):
    LINKS.append((advocate_id, ref, mark(f"link.{advocate_id}.{ref}.case_ref", case_ref, f"mail:{advocate_id}", f"page:ack:{advocate_id}", f"admin:advocate:{advocate_id}"), level))


def note(name, value, *sinks):
    NOTES[name] = mark(f"note.{name}", value, *sinks)


def everybody():
    office("QZNORTH", "north", "+441184960001")
    office("QZSOUTH", "south", "+441184960002")
    supervisor("QZSUPBETA", "beta", "+447700900202", hours="Mon-Fri 09:00-17:00")
    supervisor("QZSUPALFA", "alfa", "+447700900201", next="QZSUPBETA")
    practitioner("QZPRACALFA", "alfa", "+447700900211", "QZNORTH")
    practitioner("QZPRACBETA", "beta", "+447700900212", "QZSOUTH")
    officer("QZOFFALFA", "alfa", "+441184960311")
    officer("QZOFFBETA", "beta", "+441184960312")
    one, two = mark("advocate.service.one", "Qzserone", "admin:advocate:*"), mark("advocate.service.two", "Qzsertwo", "admin:advocate:*")
    advocate("QZADVALFA", "alfa", "+441184960411", f"{one} Support")
    advocate("QZADVBETA", "beta", "+441184960412", f"{two} Aid")
    advocate("QZADVCETA", "gamma", "+441184960413", f"{one} Support")
    participant("QZREF-1", "alfa", {"route": "spo", "practitioner": "QZPRACALFA", "office": "QZNORTH", "consequence": "yes"}, "+447700900101", True, True, officer_of="QZOFFALFA")
    participant("QZREF-2", "beta", {"route": "licence", "practitioner": "QZPRACBETA", "office": "QZSOUTH", "language": "cy"}, "+447700900102", officer_of="QZOFFBETA")
    participant("QZREF-3", "gamma", {"route": "sentence", "practitioner": "QZPRACALFA", "office": "QZNORTH", "sms": "no", "mode": "phone"}, "", True, officer_of="QZOFFALFA")
    participant("QZREF-4", "delta", {"route": "voluntary", "practitioner": "QZPRACBETA", "office": "QZSOUTH"}, "+447700900104", True, True, placed=False)
    link("QZADVALFA", "QZREF-1", "QZCASE/one-1")
    link("QZADVBETA", "QZREF-1", "QZCASE/two-1", "missed")
    link("QZADVCETA", "QZREF-2", "QZCASE/three-2")
    link("QZADVALFA", "QZREF-3", "QZCASE/one-3")
    link("QZADVBETA", "QZREF-2", "QZCASE/two-2")
    # Free text is for those who may ask cobictl for it, and never leaves.
    for name in ("outcome", ):
        note(f"note.{name}", f"Qznote{name}")
    for name in ("move", "cancel", "decide", "correct", "concern", "resolve", "pause", "resume", "withdraw", "end"):
        note(f"reason.{name}", f"Qzreason{name}")
    for name in ("practitioner", "supervisor", "participant"):
        note(f"absence.{name}", f"Qzabs{name}", *(("admin:participant:QZREF-1",) if name == "participant" else ()))
    note("inbound", "Qzinboundwords")
    note("stranger", "Qzstrangerwords")


def marks():
    return dict(VALUES)


everybody()
