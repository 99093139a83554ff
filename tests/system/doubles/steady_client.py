"""Clients that ask without a pause, each request on a connection of its own, until a file appears; then one JSON object says what they met.

Usage: steady_client.py PORT CLIENTS STOP_FILE. "refused": nobody listened. "lost": connected, but closed without an answer.
"""
import json
import os
import socket
import sys
import threading
import time

PATIENCE_S = 20
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def ask(port):
    try:
        with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as s:
            try:
                s.sendall(REQUEST)
                answer = b""
                while piece := s.recv(4096):
                    answer += piece
            except OSError:
                return "lost"
            return "answered" if answer.startswith(b"HTTP/1.1 ") and b"\r\n\r\n" in answer else "lost"
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return "unreachable"


def main():
    port, clients, stop_file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    counts = {"answered": 0, "refused": 0, "lost": 0, "unreachable": 0, "slowest_ms": 0}
    guard = threading.Lock()

    def run():
        while not os.path.exists(stop_file):
            start = time.monotonic()
            what = ask(port)
            with guard:
                counts[what] += 1
                counts["slowest_ms"] = max(counts["slowest_ms"], round((time.monotonic() - start) * 1000))
            time.sleep(0.005)

    threads = [threading.Thread(target=run) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(counts))


main()
