"""`make bench`: what cobid costs, each figure beside a bare counterpart in the same run. doc/PERFORMANCE.md says what they mean.

usage: bench.py [PART...]    PART: feeds, dispatch, render, plan; without one: all
A part whose tools are missing is skipped by name; one that does not run makes the whole fail. No figure does.
"""
import platform
import sys

import dispatch
import feeds
import inside
from common import CLIENT_CORE, SERVER_CORE, Skipped, line

PARTS = {
    "feeds": (feeds.main, ("feed_200", "feed_304")),
    "dispatch": (dispatch.main, ("dispatch",)),
    "render": (inside.render, ("render_360",)),
    "plan": (inside.plan, ("plan_one",)),
}


def run(name):
    """True when it ran or was skipped."""
    part, figures = PARTS[name]
    try:
        part()
    except Skipped as why:
        for figure in figures:
            line(figure, "skipped:", str(why))
    except (RuntimeError, OSError, ValueError, KeyError) as fault:
        print(f"bench: {name} did not run: {fault}", file=sys.stderr)
        return False
    return True


def main(names):
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(__doc__, file=sys.stderr)
        return 2
    line("kernel", platform.release(), platform.machine())
    if SERVER_CORE == CLIENT_CORE:
        line("cores", 1, "core, shared by server and client: ratios say little")
    return 0 if all([run(name) for name in names or PARTS]) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
