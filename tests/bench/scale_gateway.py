"""A gateway that takes every POST at once and notes its reference, in order: one process, no threads, so that it is not what is measured."""
import asyncio
import json
import multiprocessing
import re
import socket
import time

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{"id":"g-1"}'
LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
REFERENCE = re.compile(rb'"reference": ?"([^"]+)"')


class Connection(asyncio.Protocol):
    def __init__(self, notes):
        self.notes, self.bytes, self.transport = notes, b"", None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.bytes += data
        while (head := self.bytes.find(b"\r\n\r\n")) >= 0:
            length = LENGTH.search(self.bytes, 0, head)
            end = head + 4 + int(length.group(1) if length else 0)
            if len(self.bytes) < end:
                return
            body, self.bytes = self.bytes[head + 4:end], self.bytes[end:]
            reference = REFERENCE.search(body)
            self.notes.write(f"{time.monotonic():.6f} {reference.group(1).decode() if reference else '?'}\n")
            self.transport.write(ANSWER)


def serve(listener, path):
    async def run():
        with open(path, "w", encoding="utf-8", buffering=1 << 16) as notes:
            server = await asyncio.get_running_loop().create_server(lambda: Connection(notes), sock=listener)
            async with server:
                while True:  # what was noted is on disk twice a second
                    await asyncio.sleep(0.5)
                    notes.flush()
    asyncio.run(run())


class Gateway:
    def __init__(self, path):
        self.path = path
        listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/messages"
        self.process = multiprocessing.Process(target=serve, args=(listener, path), daemon=True)
        self.process.start()
        listener.close()

    def notes(self):
        """[(time, message id, attempt)] in the order in which they came."""
        found = []
        with open(self.path, encoding="utf-8") as file:
            for line in file:
                if line.endswith("\n"):
                    at, reference = line.split()
                    message, attempt = reference.rsplit("-", 1)
                    found.append((float(at), message, int(attempt)))
        return found

    def close(self):
        time.sleep(0.7)
        self.process.terminate()
        self.process.join()


def ask_often(url_port, path, stop):
    """Asks /healthz every 50 ms on one connection, and notes how long each answer took."""
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    connection, file = None, open(path, "w", encoding="utf-8", buffering=1)
    with file:
        while not stop.is_set():
            begun = time.monotonic()
            try:
                connection = connection or socket.create_connection(("127.0.0.1", url_port), timeout=30)
                connection.sendall(request)
                whole = b""
                while b"\r\n\r\n" not in whole or len(whole) < whole.find(b"\r\n\r\n") + 4 + int(LENGTH.search(whole).group(1)):
                    more = connection.recv(65536)
                    if not more:
                        raise ConnectionError
                    whole += more
                file.write(f"{begun:.6f} {(time.monotonic() - begun) * 1000:.3f}\n")
            except OSError:
                if connection:
                    connection.close()
                connection = None
            stop.wait(max(0.0, begun + 0.05 - time.monotonic()))


class Poller:
    def __init__(self, port, path):
        self.path, self.stop = path, multiprocessing.Event()
        self.process = multiprocessing.Process(target=ask_often, args=(port, path, self.stop), daemon=True)
        self.process.start()

    def close(self):
        """Answer times in ms, sorted."""
        self.stop.set()
        self.process.join()
        with open(self.path, encoding="utf-8") as file:
            return sorted(json.loads(line.split()[1]) for line in file)
