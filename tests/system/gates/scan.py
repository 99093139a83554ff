"""Finds marks in bytes, however they are written: as they are, folded, quoted-printable, percent, HTML, JSON, base64, hex, UTF-16, backwards, as a text's PDU.

A mark is a value that stands in one field of one person and nowhere else. A number is looked for by its digits, without the signs that people put between them.
"""
import base64
import contextlib
import email.header
import functools
import gzip
import html
import quopri
import re
import urllib.parse
import zlib


def is_number(value):
    return bool(re.fullmatch(r"\+44[0-9]{9,10}", value))


def text_needles(value):
    """What to look for in lower-cased bytes, and in bytes as they are."""
    low = value.lower()
    folded = {low.encode(), low.encode("utf-16-le"), low.encode("utf-16-be"), low[::-1].encode()}
    exact = set()
    for form in {value, low, value.upper()}:
        raw = form.encode()
        folded.add(raw.hex().encode())
        for shift in range(3):  # the letters that do not depend on what stands around it
            coded = base64.b64encode(b"\0" * shift + raw)
            first, last = (0, 2, 3)[shift], -4 if (shift + len(raw)) % 3 else None
            exact |= {c for c in (coded[first:last], coded[first:last].replace(b"+", b"-").replace(b"/", b"_")) if len(c) >= 6}
    return folded, exact


def number_needles(value):
    """For bytes of which only digits, letters and what is not a sign between digits are left."""
    whole, national = value[1:], value[3:]
    padded = whole + "f" * (len(whole) % 2)
    swapped = "".join(padded[i + 1] + padded[i] for i in range(0, len(padded), 2))
    return {n.encode() for n in (whole, "0" + national, national, whole[::-1], national[::-1], swapped)}


def decoded(data):
    """Readings of the same bytes."""
    yield data
    if b"\n " in data or b"\n\t" in data:
        yield re.sub(rb"\r?\n[ \t]", b"", data)  # folded lines of calendars and headers
    if re.search(rb"=(\r?\n|[0-9A-F]{2})", data):
        yield quopri.decodestring(data)
    if re.search(rb"%[0-9A-Fa-f]{2}", data):
        yield urllib.parse.unquote_to_bytes(data.replace(b"+", b" "))
    if re.search(rb"&[a-z#0-9]{2,8};", data):
        yield html.unescape(data.decode("utf-8", "replace")).encode()
    if b"\\u" in data:
        yield re.sub(rb"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)).encode("utf-8", "replace"), data)
    if data[:2] == b"\x1f\x8b":
        with contextlib.suppress(OSError, zlib.error, EOFError):  # another thing that begins so
            yield from decoded(gzip.decompress(data))


@functools.lru_cache(maxsize=None)
def mail_readings(raw):
    """A mail as people read it: its headers and its body decoded."""
    head, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    head = re.sub(r"\n[ \t]", " ", head.decode("ascii"))
    return (str(email.header.make_header(email.header.decode_header(head))) + "\n\n").encode() + quopri.decodestring(body)


def strings(data):
    """What can be read in binary bytes, each once: runs of letters and signs, in one byte or in two."""
    runs = set(re.findall(rb"[\x20-\x7e]{5,}", data))
    for order in (rb"(?:[\x20-\x7e]\x00){5,}", rb"(?:\x00[\x20-\x7e]){5,}"):
        runs |= {run.replace(b"\0", b"") for run in re.findall(order, data)}
    return runs


def lines(data):
    """All readings of bytes, line by line: of a thousand mails most lines are the same."""
    return {line for reading in decoded(data) for line in reading.splitlines()}


class Scanner:
    def __init__(self, marks):
        """marks: {name: value}."""
        self.marks = dict(marks)
        self.folded, self.exact, self.digits = {}, {}, {}
        for name, value in self.marks.items():
            if is_number(value):
                self.digits[name] = number_needles(value)
                self.exact[name] = {n for form in (value, value[1:], value[3:], "0" + value[3:]) for n in text_needles(form)[1]}
            else:
                self.folded[name], self.exact[name] = text_needles(value)

    def find(self, data):
        """Names of the marks that the bytes hold."""
        found = set()
        for reading in {bytes(r) for r in decoded(data)}:
            low = reading.lower()
            squeezed = re.sub(rb"(?<=[0-9a-f])[ ().\x00\xa0-]{1,2}(?=[0-9a-f])", b"", low)
            for name, needles in self.folded.items():
                if any(n in low for n in needles) or any(n in reading for n in self.exact[name]):
                    found.add(name)
            for name, needles in self.digits.items():
                if any(n in squeezed or n.hex().encode() in low for n in needles) or any(n in reading for n in self.exact[name]):
                    found.add(name)
        return found


# ---- for the scanner's own proof ----

def disguises(value):
    """(how, bytes): ways in which a value could leave."""
    raw = value.encode()
    yield "as it is", b"x " + raw + b" y"
    yield "in capitals", value.upper().encode()
    yield "base64", base64.b64encode(b"some words " + raw + b" and more")
    yield "base64 of another alignment", base64.b64encode(b"some words, " + raw + b" and more")
    yield "base64 for URLs", base64.urlsafe_b64encode(b"?? some words " + raw + b" ~~")
    yield "quoted-printable", b"".join(b"=%02X" % c for c in raw)
    yield "percent", b"/x?y=" + b"".join(b"%%%02x" % c for c in raw)
    yield "UTF-16", "ab".encode("utf-16-le") + value.encode("utf-16-le")
    yield "UTF-16, big", value.encode("utf-16-be")
    yield "hex", raw.hex().upper().encode()
    yield "backwards", raw[::-1]
    yield "JSON", "".join(f"\\u{ord(c):04x}" for c in value).encode()
    yield "HTML", "".join(f"&#{ord(c)};" for c in value).encode()
    yield "folded", raw[:4] + b"\r\n " + raw[4:]
    yield "a soft line break", raw[:4] + b"=\r\n" + raw[4:]
    yield "gzip", gzip.compress(raw)
    if is_number(value):
        national = value[3:]
        padded = value[1:] + "F" * (len(value[1:]) % 2)
        yield "national", b"call 0" + f"{national[:3]} {national[3:6]} {national[6:]}".encode()
        yield "with signs", f"+44 (0){national[:2]}-{national[2:]}".encode()
        yield "a PDU", "".join(padded[i + 1] + padded[i] for i in range(0, len(padded), 2)).encode()
