"""feed_200 and feed_304: a practitioner's feed of 360 sessions from cobid, beside nginx that serves the same bytes as a file.

One worker and one core for each server, another core for the client (tests/bench/asks.c), which asks both in turn over
kept connections and throws the bodies away without reading them. (wrk cannot be that client: it waits for the body that a 304 with a
Content-Length does not have, and it reads 8 KB at a time, so that it is slower than what it measures.)
"""
import time
import urllib.request

from common import (CLIENT_CORE, ROUNDS, SECONDS, SERVER_CORE, built, cpu_seconds, daemon, folder, free_port, line, need, output, pinned, rows, running, seed,
                    write_config)

SESSIONS = 360
CONNECTIONS = 16
NGINX = """
daemon off; master_process off; worker_processes 1; pid {path}/nginx.pid; error_log {path}/nginx.log error;
events {{ worker_connections 1024; use epoll; }}
http {{
    access_log off; default_type text/calendar; types {{ text/calendar ics; }}
    sendfile on; tcp_nopush on; keepalive_requests 100000000; keepalive_timeout 60; etag on;
    open_file_cache max=16 inactive=600s; open_file_cache_valid 600s;
    client_body_temp_path {path}/b; proxy_temp_path {path}/p; fastcgi_temp_path {path}/f; uwsgi_temp_path {path}/u; scgi_temp_path {path}/s;
    server {{ listen 127.0.0.1:{port}; root {path}; }}
}}
"""


def fetch(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
        return answer.read(), answer.headers


def load(path, port, pid, target, etag, status):
    """Requests a second as the client counts them, and a second of the server's processor."""
    name = f"{path}/request"
    condition = f"If-None-Match: {etag}\r\n" if status == 304 else ""
    with open(name, "w", encoding="ascii", newline="") as file:
        file.write(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{condition}\r\n")
    before = cpu_seconds(pid)
    answers, seconds, _ = output(pinned(CLIENT_CORE, built("tests/bench/asks"), str(port), str(CONNECTIONS), str(int(SECONDS * 1000)), str(status), name)).split()
    spent = cpu_seconds(pid) - before
    return int(answers) / float(seconds), int(answers) / max(spent, 0.01)


def compare(name, path, sides, status):
    rates, per_cpu = ([], []), ([], [])
    for _ in range(ROUNDS):
        for i, side in enumerate(sides):
            rate, each = load(path, *side, status)
            rates[i].append(rate)
            per_cpu[i].append(each)
    rows(name, *rates, "nginx", "requests/s")
    rows(f"{name}_cpu", *per_cpu, "nginx", "requests/cpu_s")


def main():
    nginx = need("nginx", "nginx-light")
    with folder() as path:
        ports = free_port(), free_port()
        token = seed(path, "calendar", SESSIONS)
        config = write_config(path, ports[0])
        with open(f"{path}/nginx.conf", "w", encoding="utf-8") as file:
            file.write(NGINX.format(path=path, port=ports[1]))
        with daemon(config, ports[0]) as cobid:
            url = f"http://127.0.0.1:{ports[0]}/feeds/{token}.ics"
            body, headers = fetch(url)
            if body.count(b"BEGIN:VEVENT") != SESSIONS:
                raise RuntimeError("the feed does not hold what was planned")
            with open(f"{path}/feed.ics", "wb") as file:
                file.write(body)
            with running(pinned(SERVER_CORE, nginx, "-p", path, "-c", f"{path}/nginx.conf", "-e", f"{path}/nginx.log")) as server:
                file_url = f"http://127.0.0.1:{ports[1]}/feed.ics"
                same, file_headers = wait_for(file_url)
                if same != body:
                    raise RuntimeError("nginx serves other bytes")
                line("feed_bytes", len(body), "bytes")
                sides = ((ports[0], cobid.pid, f"/feeds/{token}.ics", headers["ETag"]),
                         (ports[1], server.pid, "/feed.ics", file_headers["ETag"]))
                compare("feed_200", path, sides, 200)
                compare("feed_304", path, sides, 304)


def wait_for(url):
    for _ in range(100):
        try:
            return fetch(url)
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("nginx does not answer")
