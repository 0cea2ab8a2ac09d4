"""Scenarios over long lines: the emulator carries the frames between the two
hosts, at a rate, with a round trip and losses."""


import peers
from hosts import Hosts

MIB = 1 << 20
# Rate, round trip, loss; least share of the link's payload rate.
LINKS = (("100M,20ms,0%", 0.95), ("100M,100ms,0%", 0.95),
         ("100M,200ms,0%", 0.95), ("100M,100ms,1%", 0.90),
         ("100M,200ms,5%", 0.75))
# Guest bytes in a frame of 1514: QUIC's, UDP's, IP's and Ethernet's heads off.
PAYLOAD_SHARE = 1404 / 1514


def first_round_bytes_s(report):
    """Of the guest, over the round that sends all of it."""
    first = report["rounds"][0]
    return first["bytes"] / first["seconds"]


def wan(options):
    """Link use of a move of 512 MiB over long lines, its start included."""
    figures = {}
    for link, aim in LINKS:
        figure = figures.setdefault(link, {"aim": aim, "wan_share": [],
                                           "wan_s": []})
        with Hosts(options.bin, offloads=False, tls=True, link=link) as hosts:
            for _ in range(options.runs):
                report, _ = hosts.move_one(
                    ("--memory", "512M", "--workload", "idle", "--content",
                     "random"), ("--path", "wan", "--proof", "landed"))
                line_bytes_s = 100e6 / 8 * PAYLOAD_SHARE
                figure["wan_share"].append(
                    first_round_bytes_s(report) / line_bytes_s)
                figure["wan_s"].append(report["total_s"])
            figure["counters"] = hosts.emulator.counters()
    return figures


def wan_beside_cubic(options):
    """200 ms and 1 % loss: a move beside one flow of CUBIC over TCP."""
    figures = {"wan_bytes_s": [], "cubic_bytes_s": [], "ratio": []}
    with Hosts(options.bin, offloads=False, tls=True,
               link="100M,200ms,1%") as hosts:
        for _ in range(options.runs):
            beside = peers.iperf3_bytes_s(hosts, 1, seconds=20)
            report, _ = hosts.move_one(
                ("--memory", "128M", "--workload", "idle", "--content",
                 "random"), ("--path", "wan", "--proof", "landed"))
            figures["wan_bytes_s"].append(first_round_bytes_s(report))
            figures["cubic_bytes_s"].append(beside)
            figures["ratio"].append(figures["wan_bytes_s"][-1] / beside)
    return figures


FEC_LINKS = ("100M,100ms,1%", "100M,100ms,3%")


def fec(options):
    """The blackout over long lines that lose, with and without repair: the
    arms alternate."""
    figures = {}
    for link in FEC_LINKS:
        figure = figures.setdefault(link, {"ledgers": {}})
        with Hosts(options.bin, offloads=False, tls=True, link=link) as hosts:
            for _ in range(options.runs):
                for arm in ("auto", "off"):
                    report, _ = hosts.move_one(
                        ("--memory", "32M", "--workload", "uniform:2M"),
                        ("--path", "wan", "--fec", arm, "--max-blackout",
                         "400ms"))
                    figure.setdefault(f"{arm}_blackout_ms", []).append(
                        report["blackout_ms"])
                    figure.setdefault(f"{arm}_last_round_bytes", []).append(
                        report["rounds"][-1]["bytes"])
                    figure["ledgers"].setdefault(arm, []).append(
                        report["ledger"])
                figure.setdefault("saved_ms", []).append(
                    figure["off_blackout_ms"][-1]
                    - figure["auto_blackout_ms"][-1])
            figure["counters"] = hosts.emulator.counters()
    return figures


# Rate in bits a second, guest: long enough that the start, in which nothing is
# known yet, is a small part.
CODEC_RATES = ((10e6, "48M"), (100e6, "96M"), (1e9, "512M"), (None, "1G"))
CODECS = ("none", "deflate:0", "deflate:1", "deflate:2", "deflate:3")


def codec_choice(options):
    """What `--codec auto` takes beside the best of the fixed ones, at limited
    rates, content half text-like and half random."""
    figures = {}
    with Hosts(options.bin, offloads=True, tls=True) as hosts:
        for rate, memory in CODEC_RATES:
            arms = {codec: [] for codec in (*CODECS, "auto")}
            limit = ("--bandwidth", str(int(rate / 8))) if rate else ()
            for _ in range(options.runs):
                for codec, seconds in arms.items():
                    report, _ = hosts.move_one(
                        ("--memory", memory, "--workload", "idle",
                         "--content", "mixed"),
                        ("--path", "tcp", "--codec", codec, *limit),
                        warm_bytes=0 if rate else 2 << 30)
                    seconds.append(report["total_s"])
            best = min(CODECS, key=lambda codec: sorted(arms[codec])[
                len(arms[codec]) // 2])
            figures[f"{rate:.0f}_bit_s" if rate else "no_limit"] = {
                "best": best, **{f"{codec}_s": seconds
                                 for codec, seconds in arms.items()},
                "ratio": [one / other for one, other in zip(
                    arms["auto"], arms[best])]}
    return figures


# Name, whether through DPDK ports, arguments of the move.
PACKET_ARMS = (("tls", False, ("--path", "tcp")),
               ("quic_udp", False, ("--path", "wan")),
               ("quic_dpdk", True, ("--path", "wan")))


def packet_io(options):
    """512 MiB of random content between two hosts on a cable of real frames:
    CPU seconds a GB of both movers, by QUIC over kernel UDP and over DPDK
    ports and by TLS over TCP, one stream; the arms alternate. What the kernel
    does for a mover in softirqs is nobody's, and not counted."""
    figures = {f"{name}_{what}": [] for name, _, _ in PACKET_ARMS
               for what in ("cpu_s_gb", "bytes_s")}
    for _ in range(options.runs):
        for name, ports, path in PACKET_ARMS:
            with Hosts(options.bin, offloads=False, tls=True,
                       ports=ports) as hosts:
                report, _ = hosts.move_one(
                    ("--memory", "512M", "--workload", "idle", "--content",
                     "random"), ("--streams", "1", "--codec", "none", *path),
                    warm_bytes=1 << 30)
            moved = 512 * MIB
            figures[f"{name}_cpu_s_gb"].append(
                report["engine"]["cpu_s"] * 1e9 / moved)
            figures[f"{name}_bytes_s"].append(moved / report["total_s"])
    return figures


ALL = {function.__name__: function for function in (
    wan, wan_beside_cubic, fec, codec_choice, packet_io)}
