"""Counts checks and prints them as TAP; the exit status says whether all held."""
import sys


class Checks:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def ok(self, name, held, seen=None):
        self.count += 1
        if held:
            print(f"ok {self.count} - {name}")
        else:
            self.failed += 1
            print(f"not ok {self.count} - {name}")
            print(f"# seen: {seen!r}")
        sys.stdout.flush()

    def equal(self, name, seen, wanted):
        self.ok(name, seen == wanted, f"{seen!r}, wanted {wanted!r}")

    def finish(self):
        print(f"1..{self.count}")
        sys.exit(1 if self.failed else 0)
