"""dispatch: texts through the whole engine and transport to a gateway on loopback, beside a bare libcurl loop that posts the same bytes;
dispatch_durable: beside the same loop when it, too, has each post on the disk before it leaves.

The daemon finds the messages queued in its store, on a real disk: each is claimed, rendered and committed (synchronous=FULL) before it
leaves, and its answer is committed after. The stub takes both sides' posts and says when the first and the last one came.
"""
import os
import resource
import shutil
import sqlite3
import subprocess
import time

from common import (CLIENT_CORE, MESSAGES, ROUNDS, SERVER_CORE, ask, built, daemon, folder, free_port, line, output, pinned, rows, running,
                    seed, SECONDS, write_config)

IN_FLIGHT = 64
WAIT_S = 120


def gateway(port):
    return (f'{{ name = "texts"; type = "http"; channel = "sms"; url = "http://127.0.0.1:{port}/send"; body = "json"; id_pointer = "/id";'
            f' in_flight_max = {IN_FLIGHT}; }}')


def count(stub):
    number, first_us, last_us = (int(word) for word in ask(stub, "count").split())
    return number, (last_us - first_us) / 1e6


def used_us(pid):
    """Processor time of a process, to the microsecond."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1e3


def ours(stub, seeded, stub_port):
    """Messages a second, from the first post to the last; processor time of a message in microseconds."""
    with folder() as path:
        port = free_port()
        for name in ("cobid.db", "key"):
            shutil.copy(os.path.join(seeded, name), path)
        config = write_config(path, port, gateway(stub_port))
        ask(stub, "forget")
        with daemon(config, port) as process:
            until = time.monotonic() + WAIT_S
            first = None
            while (number := count(stub)[0]) < MESSAGES:
                if number > 0 and first is None:
                    first = number, used_us(process.pid)
                if time.monotonic() > until:
                    raise RuntimeError(f"only {number} of {MESSAGES} messages left")
                time.sleep(0.005)
            used = (used_us(process.pid) - first[1]) / (MESSAGES - first[0]) if first else float("nan")
            time.sleep(0.5)  # one more would be one too many
        number, seconds = count(stub)
        if number != MESSAGES:
            raise RuntimeError(f"{number} posts for {MESSAGES} messages")
        settled(path)
        return MESSAGES / seconds, used


def settled(path):
    """All of them accepted, each by one attempt, or the figure means nothing."""
    db = sqlite3.connect(os.path.join(path, "cobid.db"))
    states = dict(db.execute("SELECT state,count(*) FROM message WHERE kind='reminder' GROUP BY state"))
    attempts = db.execute("SELECT count(*) FROM attempt").fetchone()[0]
    db.close()
    if states != {"accepted": MESSAGES} or attempts != MESSAGES:
        raise RuntimeError(f"messages ended as {states} by {attempts} attempts")


def bare(url, body, *database):
    """Its rate, and its processor time of a message (its start included, which is nothing beside so many)."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done, accepted, seconds = output(
        pinned(SERVER_CORE, built("tests/bench/bare_posts"), url, str(IN_FLIGHT), str(5 * MESSAGES), body, *database)).split()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done != accepted:
        raise RuntimeError(f"{accepted} of {done} bare posts were accepted")
    return int(done) / float(seconds), (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e6 / (5 * MESSAGES)


def bare_durable(url, body):
    with folder() as path:
        return bare(url, body, os.path.join(path, "intents.db"))[0]


def ceiling(port, body):
    """What the stub can take: were it near the bare loop's figure, it would be the stub that is measured."""
    with open(body, "rb") as file:
        bytes_ = file.read()
    with open(body + ".request", "wb") as file:
        file.write(b"POST /send HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(bytes_) + bytes_)
    answers, seconds, _ = output(pinned(SERVER_CORE, built("tests/bench/asks"), str(port), str(IN_FLIGHT), str(int(SECONDS * 1000)), "200", file.name)).split()
    line("dispatch_stub_ceiling", int(answers) / float(seconds), "posts/s")


def main():
    with folder() as seeded, running(pinned(CLIENT_CORE, built("tests/bench/stub")), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as stub:
        port = int(stub.stdout.readline().split()[1])
        url, body = f"http://127.0.0.1:{port}/send", os.path.join(seeded, "body")
        seed(seeded, "reminders", MESSAGES)
        rates, used, durable = ([], []), ([], []), []
        for _ in range(ROUNDS):
            rate, microseconds = ours(stub, seeded, port)
            rates[0].append(rate)
            used[0].append(1e6 / microseconds)
            with open(body, "wb") as file:
                file.write(bytes.fromhex(ask(stub, "body")))
            rate, microseconds = bare(url, body)
            rates[1].append(rate)
            used[1].append(1e6 / microseconds)
            durable.append(bare_durable(url, body))
        rows("dispatch", *rates, "bare", "messages/s")
        rows("dispatch_durable", rates[0], durable, "bare", "messages/s")
        rows("dispatch_cpu", *used, "bare", "messages/cpu_s")
        line("dispatch_in_flight", IN_FLIGHT, "messages")
        line("dispatch_body", os.path.getsize(body), "bytes")
        ceiling(port, body)
