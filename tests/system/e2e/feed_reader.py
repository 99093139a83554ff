"""Fetches calendar feeds and reads them with a parser of its own, so that nothing is checked by the code that wrote it."""
import gzip
import http.client
import re
from datetime import datetime, timezone
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

LINE_OCTETS_MAX = 75


class Broken(Exception):
    pass


def fetch(url, method="GET", **headers):
    """Returns (status, [(name, value)], body as sent)."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    try:
        connection.request(method, parts.path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.getheaders(), answer.read()
    finally:
        connection.close()


def header(headers, name):
    values = [v for n, v in headers if n.lower() == name.lower()]
    return values[0] if len(values) == 1 else None


def unfold(raw):
    if not raw.endswith(b"\r\n") or b"\n" in raw.replace(b"\r\n", b"") or b"\r" in raw.replace(b"\r\n", b""):
        raise Broken("lines do not end in CRLF")
    lines = []
    for line in raw[:-2].split(b"\r\n"):
        if len(line) > LINE_OCTETS_MAX:
            raise Broken(f"a line of {len(line)} octets")
        if line[:1] in (b" ", b"\t"):
            lines[-1] += line[1:]
        else:
            lines.append(line)
    return [line.decode("utf-8") for line in lines]


def split_line(line):
    """NAME;PARAM=value:value, with values in quotes."""
    match = re.fullmatch(r'([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:"[^"]*"|[^";:,]*))*):(.*)', line, re.S)
    if not match:
        raise Broken(f"not a property: {line!r}")
    parameters = dict(p.split("=", 1) for p in re.findall(r';([A-Za-z0-9-]+=(?:"[^"]*"|[^";:,]*))', match[2]))
    return match[1].upper(), {n.upper(): v.strip('"') for n, v in parameters.items()}, match[3]


def unescape(text):
    return re.sub(r"\\(.)", lambda m: "\n" if m[1] in "nN" else m[1], text)


def read_time(parameters, value):
    """A moment in UTC."""
    if value.endswith("Z") and "TZID" not in parameters:
        return datetime.strptime(value, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    return datetime.strptime(value, "%Y%m%dT%H%M%S").replace(tzinfo=ZoneInfo(parameters["TZID"])).astimezone(timezone.utc)


def parse(raw):
    """Returns (properties of the calendar, [event]), an event being {name: (parameters, value)}."""
    stack, calendar, events, zones, event = [], {}, [], [], None
    for line in unfold(raw):
        name, parameters, value = split_line(line)
        if name == "BEGIN":
            stack.append(value)
            event = {} if value == "VEVENT" else event
            continue
        if name == "END":
            if not stack or stack.pop() != value:
                raise Broken(f"END:{value} without its BEGIN")
            if value == "VEVENT":
                events.append(event)
            continue
        if stack == ["VCALENDAR"]:
            calendar[name] = unescape(value)
        elif stack == ["VCALENDAR", "VTIMEZONE"] and name == "TZID":
            zones.append(value)
        elif stack == ["VCALENDAR", "VEVENT"]:
            if name in event:
                raise Broken(f"{name} twice in an event")
            event[name] = (parameters, value)
    if stack or not calendar:
        raise Broken("not a whole calendar")
    for e in events:
        for name in ("DTSTART", "DTEND"):
            zone = e[name][0].get("TZID")
            if zone is not None and zone not in zones:
                raise Broken(f"no VTIMEZONE for {zone}")
    return calendar, events


def read_events(raw):
    """{UID: {"start", "end", "zone", "sequence", "summary", "cancelled"}}."""
    calendar, events = parse(raw)
    if calendar.get("VERSION") != "2.0" or "PRODID" not in calendar:
        raise Broken("no VERSION:2.0 or no PRODID")
    result = {}
    for e in events:
        uid = e["UID"][1]
        if uid in result:
            raise Broken(f"UID {uid} twice")
        if "DTSTAMP" not in e:
            raise Broken("no DTSTAMP")
        result[uid] = {"start": read_time(*e["DTSTART"]), "end": read_time(*e["DTEND"]), "zone": e["DTSTART"][0].get("TZID"),
                       "sequence": int(e["SEQUENCE"][1]), "summary": unescape(e["SUMMARY"][1]), "cancelled": e["STATUS"][1] == "CANCELLED"}
    return result


def fetch_all_ways(url):
    """Plain, compressed, by ETag and by HEAD; returns (body, headers as text, faults)."""
    faults = []
    status, headers, body = fetch(url, Accept_Encoding="identity")
    if status != 200 or header(headers, "Content-Type") != "text/calendar; charset=utf-8":
        faults.append(f"GET: {status} {header(headers, 'Content-Type')}")
    seen = "\n".join(f"{n}: {v}" for n, v in headers)
    etag = header(headers, "ETag")
    zipped_status, zipped_headers, zipped = fetch(url, Accept_Encoding="gzip")
    zipped_tag = header(zipped_headers, "ETag")
    if zipped_status != 200 or header(zipped_headers, "Content-Encoding") != "gzip" or gzip.decompress(zipped) != body:
        faults.append(f"gzip: {zipped_status}, other bytes")
    if not etag or not zipped_tag or etag == zipped_tag:
        faults.append(f"one ETag for two encodings: {etag}")
    for tag, encoding in ((etag, "identity"), (zipped_tag, "gzip")):
        status, headers, empty = fetch(url, If_None_Match=tag or '""', Accept_Encoding=encoding)
        if status != 304 or empty or header(headers, "ETag") != tag:
            faults.append(f"If-None-Match ({encoding}): {status}, {len(empty)} bytes")
    status, _, again = fetch(url, If_None_Match='"other"', Accept_Encoding="identity")
    if status != 200 or again != body:
        faults.append(f"another ETag: {status}")
    status, headers, empty = fetch(url, "HEAD", Accept_Encoding="identity")
    if status != 200 or empty or header(headers, "ETag") != etag or header(headers, "Content-Length") != str(len(body)):
        faults.append(f"HEAD: {status}, {len(empty)} bytes, ETag {header(headers, 'ETag')}")
    status, _, _ = fetch(url, "POST")
    if status != 405:
        faults.append(f"POST: {status}")
    return body, seen, faults
