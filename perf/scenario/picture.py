"""Draws the sweep with gnuplot: blackout and total time against dirty rate,
one line a memory size."""

import statistics
import subprocess


def draw(points, path):
    sizes = sorted({point["memory_mib"] for point in points})
    blocks = []
    for size in sizes:
        rows = [f"{p['dirty_mb_s']} {statistics.median(p['blackout_ms'])} "
                f"{statistics.median(p['total_s'])}"
                for p in points if p["memory_mib"] == size]
        blocks.append(f"$size{size} << END\n" + "\n".join(rows) + "\nEND\n")

    def panel(title, column):
        lines = ", ".join(
            f"$size{size} using 1:{column} with linespoints lw 2 "
            f"title '{size} MiB'" for size in sizes)
        return (f"set ylabel '{title}'\nset logscale y\n"
                f"plot {lines}\n")

    script = "".join(blocks) + (
        f"set terminal svg size 1000,420 dynamic\nset output '{path}'\n"
        "set multiplot layout 1,2\nset grid\nset key top left\n"
        "set xlabel 'dirty rate, MB/s'\n") + panel(
            "blackout, ms (median)", 2) + panel("total, s (median)", 3)
    subprocess.run(["gnuplot"], input=script, text=True, check=True)
