"""The scenarios: each returns its figures as a dict of JSON values.

A figure is a list of all measured values, in order; run.py adds the medians.
Arms that are compared alternate within one run, since the machine is shared.
"""

import json
import os
import subprocess
import tempfile
import time

import peers
from hosts import (Hosts, Sampler, cpu_seconds, memfd_allocated_bytes,
                   processes, status_bytes, warm_memory)

MIB = 1 << 20
GIB = 1 << 30
MOVER = "causeway-mover"


def goodput(options):
    """2 GiB of random content over real frames, beside iperf3."""
    figures = {"streams": options.streams, "iperf3_bytes_s": [],
               "migrate_bytes_s": [], "ratio": []}
    with Hosts(options.bin, offloads=False, tls=options.tls) as hosts:
        for _ in range(options.runs):
            beside = peers.iperf3_bytes_s(hosts, options.streams)
            report, _ = hosts.move_one(
                ("--memory", "2G", "--workload", "idle", "--content",
                 "random"), ("--streams", str(options.streams)),
                warm_bytes=3 * GIB)
            rate = 2 * GIB / report["total_s"]
            figures["iperf3_bytes_s"].append(beside)
            figures["migrate_bytes_s"].append(rate)
            figures["ratio"].append(rate / beside)
    return figures


def null_mover(options):
    """The same with offloads on, beside memfd to socket to memfd."""
    figures = {"streams": options.streams, "null_bytes_s": [],
               "migrate_bytes_s": [], "ratio": []}
    with Hosts(options.bin, offloads=True, tls=options.tls) as hosts:
        for _ in range(options.runs):
            warm_memory(5 * GIB)
            beside = peers.null_mover_bytes_s(hosts, options.perf, 2 * GIB,
                                              options.streams)
            report, _ = hosts.move_one(
                ("--memory", "2G", "--workload", "idle", "--content",
                 "random"), ("--streams", str(options.streams)),
                warm_bytes=3 * GIB)
            rate = 2 * GIB / report["total_s"]
            figures["null_bytes_s"].append(beside)
            figures["migrate_bytes_s"].append(rate)
            figures["ratio"].append(rate / beside)
    return figures


def blackout(options):
    """256 MiB, idle and writing 50 MB/s: the ledger and the guest's clock."""
    figures = {}
    with Hosts(options.bin, offloads=False, tls=options.tls) as hosts:
        for _ in range(options.runs):
            for workload in ("idle", "uniform:50M"):
                report, seen = hosts.move_one(
                    ("--memory", "256M", "--workload", workload),
                    ("--streams", str(options.streams)))
                figure = figures.setdefault(workload, {
                    "ledger_ms": [], "guest_ms": [], "difference_ms": [],
                    "ledgers": []})
                guest_ms = seen["blackout_ns"] / 1e6
                figure["ledger_ms"].append(report["blackout_ms"])
                figure["guest_ms"].append(guest_ms)
                figure["difference_ms"].append(report["blackout_ms"] - guest_ms)
                figure["ledgers"].append(report["ledger"])
    return figures


def memory(options):
    """The mover's own memory while it moves guests of several sizes."""
    figures = {}
    with Hosts(options.bin, offloads=True, tls=options.tls) as hosts:
        for size_mib in (256, 1024, 4096):
            name = hosts.start_guest("--memory", f"{size_mib}M")
            with Sampler(lambda: [status_bytes(pid, "RssAnon")
                                  for pid in processes(MOVER)], 0.005) as seen:
                report = hosts.migrate(name, "--streams", str(options.streams))
            hosts.check(name)
            peak = max((max(values) for _, values in seen.samples if values),
                       default=0)
            blocks = size_mib * MIB // 4096
            figures[f"{size_mib}M"] = {
                "peak_bytes": peak, "reported_bytes":
                report["engine"]["rss_bytes"],
                "allowed_bytes": 64 * MIB + 10 * blocks}
    return figures


def sparse(options):
    """A 16 GiB guest that fills 1 %: time to the first block, and holes."""
    figures = {"first_block_ms": [], "wire_first_ms": [], "total_s": [],
               "source_allocated_bytes": [], "target_allocated_bytes": []}
    with Hosts(options.bin, offloads=True, tls=options.tls) as hosts:
        for _ in range(options.runs):
            name = hosts.start_guest("--memory", "16G", "--used", "0.01")
            pid = hosts.guest_status(hosts.source, name)["pid"]
            figures["source_allocated_bytes"].append(
                memfd_allocated_bytes(pid))
            warm_memory(GIB)  # KVM's own tables for 16 GiB, twice
            # What the agents say to each other before stays far below this.
            before = hosts.source.sent_bytes() + 256 * 1024
            start = time.monotonic()
            with Sampler(hosts.source.sent_bytes, 0.0005) as seen:
                report = hosts.migrate(name, "--streams", str(options.streams))
            first = next(at for at, sent in seen.samples if sent > before)
            figures["wire_first_ms"].append((first - start) * 1e3)
            figures["first_block_ms"].append(report.get("first_block_ms"))
            figures["total_s"].append(report["total_s"])
            pid = hosts.guest_status(hosts.target, name)["pid"]
            figures["target_allocated_bytes"].append(
                memfd_allocated_bytes(pid))
            hosts.check(name)
    return figures


def idle(options):
    """CPU of an agent with a guest, and of a mover that waits for its peer."""
    seconds = 10
    figures = {"agent_share": [], "mover_share": []}
    with Hosts(options.bin, offloads=True, tls=options.tls) as hosts:
        hosts.start_guest("--memory", "256M")
        agents = list(processes("causeway"))
        for _ in range(options.runs):
            mover, shell = start_waiting_mover(options.bin, hosts.folder)
            try:
                time.sleep(1)
                before = [cpu_seconds(pid) for pid in agents]
                before_mover = cpu_seconds(mover.pid)
                time.sleep(seconds)
                after = [cpu_seconds(pid) for pid in agents]
                figures["agent_share"].append(
                    max(b - a for a, b in zip(before, after)) / seconds)
                figures["mover_share"].append(
                    (cpu_seconds(mover.pid) - before_mover) / seconds)
            finally:
                mover.kill()
                mover.wait()
                shell.kill()
                shell.wait()
    return figures


def start_waiting_mover(bin_dir, folder):
    """A target mover whose source never comes, and the shell it serves."""
    shim = os.path.join(folder, "idle-shim.sock")
    monitor = os.path.join(folder, "idle-monitor.sock")
    for path in (shim, monitor):
        if os.path.exists(path):
            os.remove(path)
    kind = "kvm" if os.access("/dev/kvm", os.R_OK | os.W_OK) else "process"
    shell = subprocess.Popen(
        [os.path.join(bin_dir, f"causeway-vmm-{kind}"), "--name", "idle",
         "--memory", "256M", "--workload", "idle", "--content", "random",
         "--shim-socket", shim, "--monitor-socket", monitor, "--incoming"],
        stderr=subprocess.DEVNULL)
    while not os.path.exists(shim) and shell.poll() is None:
        time.sleep(0.01)
    mover = subprocess.Popen([os.path.join(bin_dir, MOVER)],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             text=True)
    spec = {"role": "target", "migration": "idle", "guest": "idle",
            "shim_socket": shim, "listen": "127.0.0.1:0", "token": "00" * 16,
            "streams": 2, "begin": 1,
            "journal": os.path.join(tempfile.mkdtemp(dir=folder), "j.db")}
    mover.stdin.write(json.dumps(spec) + "\n")
    mover.stdin.flush()
    if "listening" not in mover.stdout.readline():
        raise RuntimeError("the mover did not listen")
    return mover, shell


def aes_gcm_bytes_s():
    """What one core encrypts, by `openssl speed` in records of 16 KiB."""
    spoken = subprocess.run(
        ["openssl", "speed", "-mr", "-seconds", "1", "-bytes", "16384", "-evp",
         "aes-128-gcm"], capture_output=True, text=True, check=True).stdout
    line = next(x for x in spoken.splitlines() if x.startswith("+F:"))
    return float(line.split(":")[-1])


def tls(options):
    """1 GiB of random content inside TLS and in the clear, 1 and 4 streams."""
    figures = {"aes_128_gcm_bytes_s": [aes_gcm_bytes_s()]}
    with Hosts(options.bin, offloads=False) as clear, \
            Hosts(options.bin, offloads=False, tls=True) as secure:
        for streams in (1, 4):
            arm = figures[f"streams_{streams}"] = {
                "clear_bytes_s": [], "tls_bytes_s": [], "ratio": [],
                "clear_cpu_s_gb": [], "tls_cpu_s_gb": []}
            for _ in range(options.runs):
                for name, hosts in (("clear", clear), ("tls", secure)):
                    report, _ = hosts.move_one(
                        ("--memory", "1G", "--workload", "idle", "--content",
                         "random"), ("--streams", str(streams)),
                        warm_bytes=2 * GIB)
                    arm[f"{name}_bytes_s"].append(GIB / report["total_s"])
                    arm[f"{name}_cpu_s_gb"].append(
                        report["engine"]["cpu_s"] * 1e9 / GIB)
                arm["ratio"].append(arm["tls_bytes_s"][-1]
                                    / arm["clear_bytes_s"][-1])
    return figures


def commitment(options):
    """What the journal adds to the blackout of an idle guest, 256 MiB."""
    figures = {"blackout_ms": [], "journal_ms": [], "disk_sync_ms": [],
               "round_trips_ms": []}
    with Hosts(options.bin, offloads=True, tls=options.tls) as hosts:
        for _ in range(options.runs):
            report, _ = hosts.move_one(
                ("--memory", "256M", "--disk", "64M", "--workload",
                 "mixed:20M"), ())
            figures["blackout_ms"].append(report["blackout_ms"])
            for line in ("journal", "disk_sync", "round_trips"):
                figures[f"{line}_ms"].append(report["ledger"][line])
    return figures


def restart(options):
    """An agent that is killed and started with 40 guests and 120 rows."""
    # More than two processors carry, an idle guest being 3 to 5 % of one:
    # with 100 it is they that are measured.
    guests, rows_each = 40, 3
    figures = {"guests": guests, "rows": guests * rows_each,
               "answers_after_ms": [], "list_ms": []}
    with Hosts(options.bin, offloads=True, tls=options.tls) as hosts:
        for _ in range(guests):
            name = hosts.start_guest("--memory", "8M", "--used", "0.1")
            for _ in range(rows_each):
                # No agent is there, so it is called off.
                hosts.source.causeway_fails(
                    "migrate", name, "--from", hosts.source.agent_address,
                    "--to", hosts.target.address + ":1")
        for _ in range(options.runs):
            hosts.source.agent.kill()
            hosts.source.agent.wait()
            start = time.monotonic()
            hosts.source.start_agent()
            answers = time.monotonic()
            found = hosts.source.causeway(
                "guest", "list", "--agent",
                hosts.source.agent_address)["guests"]
            figures["answers_after_ms"].append((answers - start) * 1e3)
            figures["list_ms"].append((time.monotonic() - answers) * 1e3)
        figures["found"] = sum(g["state"] == "running" for g in found)
        hosts.source.stop_guests()
    return figures


def soak(options):
    """One guest back and forth; what it lost, what the agents gathered."""
    figures = {"moves": 0, "steps_lost": 0, "agent_rss_bytes": [],
               "agent_fds": []}
    with Hosts(options.bin, offloads=True, tls=options.tls) as hosts:
        name = hosts.start_guest("--memory", "64M", "--disk", "16M",
                                 "--workload", "mixed:20M")
        ends = [hosts.source, hosts.target]
        for move in range(options.moves):
            report = ends[0].causeway(
                "migrate", name, "--from", ends[0].agent_address, "--to",
                ends[1].agent_address)
            ends.reverse()
            figures["moves"] += 1
            figures["steps_lost"] += report["guest_steps_lost"]
            if move % max(1, options.moves // 10) == 0:
                for key, of in (("agent_rss_bytes",
                                 lambda pid: status_bytes(pid, "VmRSS")),
                                ("agent_fds", lambda pid: len(
                                    os.listdir(f"/proc/{pid}/fd")))):
                    figures[key].append(sum(of(h.agent.pid) for h in ends))
        result = ends[0].causeway("guest", "check", name, "--agent",
                                  ends[0].agent_address)
        figures["check_ok"] = bool(result["ok"])
        ends[0].stop_guests()
    return figures


def sweep(options):
    """Blackout and total time against dirty rate and memory size."""
    figures = []
    with Hosts(options.bin, offloads=False, tls=options.tls) as hosts:
        for size_mib in (128, 256, 512, 1024):
            for rate_mb in (0, 20, 50, 100, 200, 400):
                workload = f"uniform:{rate_mb}M" if rate_mb else "idle"
                point = {"memory_mib": size_mib, "dirty_mb_s": rate_mb,
                         "blackout_ms": [], "total_s": []}
                for _ in range(options.sweep_runs):
                    report, _ = hosts.move_one(
                        ("--memory", f"{size_mib}M", "--workload", workload),
                        ("--streams", str(options.streams)))
                    point["blackout_ms"].append(report["blackout_ms"])
                    point["total_s"].append(report["total_s"])
                figures.append(point)
    return figures


ALL = {function.__name__: function for function in (
    goodput, null_mover, blackout, memory, sparse, idle, tls, commitment,
    restart, soak, sweep)}
