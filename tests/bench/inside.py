"""render_360 and plan_one: processor time inside one process (tests/bench/inside.c), beside a bare counterpart."""
import statistics

from common import ROUNDS, SERVER_CORE, built, folder, line, output, pinned, seed, write_config

CALLS = 100


def measure(what, sessions):
    """Runs the program some times; each run says what its first call took and the median of the others."""
    figures = {}
    with folder() as path:
        seed(path, "calendar", sessions)
        config = write_config(path, 1)
        for _ in range(ROUNDS):
            for row in output(pinned(SERVER_CORE, built("tests/bench/inside"), config, path, what, str(CALLS))).splitlines():
                name, value = row.split()
                figures.setdefault(name, []).append(float(value))
    return figures


def show(name, counterpart, figures):
    ratios = [a / b for a, b in zip(figures[name], figures[counterpart])]
    line(name, statistics.median(figures[name]), "cpu_ms")
    line(f"{name}_lowest", min(figures[name]), "cpu_ms")
    line(f"{name}_highest", max(figures[name]), "cpu_ms")
    line(f"{name}_first", statistics.median(figures[f"{name}_first"]), "cpu_ms")
    line(counterpart, statistics.median(figures[counterpart]), "cpu_ms")
    line(f"{name}_ratio", statistics.median(ratios), "ratio")


def render():
    figures = measure("render", 360)
    line("render_360_bytes", statistics.median(figures["render_360_bytes"]), "bytes")
    show("render_360", "render_360_libical", figures)


def plan():
    show("plan_one", "plan_one_rows", measure("plan", 300))
