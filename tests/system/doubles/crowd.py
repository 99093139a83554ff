"""Crowds of hostile connections, held by a process of their own; it says on its standard output what became of them.

Usage: crowd.py PORT SECONDS LIFE IDLE DRIPPING ASKING HAMMERING AGAIN
IDLE connections say nothing, DRIPPING ones send a byte of a header each second, ASKING ones ask once and then are silent, HAMMERING ones ask
again with each answer. With AGAIN 1 whoever is shut comes again. Prints "open" when all are there, and at the end one JSON object.
"""
import json
import resource
import select
import socket
import sys
import time

DRIP = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: "
ASK = b"GET /robots.txt HTTP/1.1\r\nHost: x\r\n\r\n"
HAMMER = ASK * 3
TICK_S = 0.05
AGAIN_EACH_TICK = 250


class Crowd:
    def __init__(self, port, again):
        self.port, self.again = port, again
        self.poll = select.epoll()
        self.open = {}  # descriptor: socket, how it begins, when it came
        self.shut = []  # how it began, age when the server shut it
        self.came = self.answers = 0

    def join(self, begin):
        one = socket.socket()
        one.settimeout(10)
        one.connect(("127.0.0.1", self.port))
        one.setblocking(False)
        if begin:
            one.send(begin)
        self.open[one.fileno()] = (one, begin, time.monotonic())
        self.poll.register(one.fileno(), select.EPOLLIN | select.EPOLLRDHUP)
        self.came += 1

    def leave(self, fd):
        one, begin, since = self.open.pop(fd)
        self.poll.unregister(fd)
        one.close()
        self.shut.append((begin, time.monotonic() - since))
        return begin

    def look(self, wait_s):
        """Notices who was shut."""
        gone = []
        for fd, _ in self.poll.poll(wait_s):
            try:
                data = self.open[fd][0].recv(65536)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if not data:
                gone.append(fd)
            elif self.open[fd][1] == HAMMER:
                self.hit(self.open[fd][0], data)
        return [self.leave(fd) for fd in gone]

    def hit(self, one, data):
        self.answers += data.count(b"HTTP/1.1 200 ")
        try:
            one.send(ASK)
        except OSError:
            pass  # noticed by look()

    def drip(self):
        for one, begin, _ in list(self.open.values()):
            if begin == DRIP:
                try:
                    one.send(b"a")
                except OSError:
                    pass  # noticed by look()

    def hold(self, seconds):
        start = time.monotonic()
        next_drip, waiting = start + 1, []
        while time.monotonic() - start < seconds and (self.open or self.again):
            waiting += self.look(TICK_S)
            if self.again:
                for begin in waiting[:AGAIN_EACH_TICK]:
                    self.join(begin)
                waiting = waiting[AGAIN_EACH_TICK:]
            if time.monotonic() >= next_drip:
                next_drip += 1
                self.drip()


def main():
    port, seconds, life = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    idle, dripping, asking, hammering, again = (int(word) for word in sys.argv[4:9])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    crowd = Crowd(port, again)
    for begin, count in ((b"", idle), (ASK, asking), (DRIP, dripping), (HAMMER, hammering)):
        for i in range(count):
            crowd.join(begin)
            if i % 200 == 0:
                crowd.look(0)
    print("open", flush=True)
    crowd.hold(seconds)
    drips = [age for begin, age in crowd.shut if begin == DRIP]
    late = [age for age in drips if age > life + 1.5]
    print(json.dumps({"came": crowd.came, "answers": crowd.answers, "shut": len(crowd.shut), "left": len(crowd.open), "drips": len(drips), "late_drips": len(late),
                      "oldest": max([age for _, age in crowd.shut], default=0), "oldest_drip": max(drips, default=0),
                      "youngest_drip": min(drips, default=0)}))


main()
