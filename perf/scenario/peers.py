"""What a migration is measured beside: iperf3 and the null mover."""

import json
import os
import subprocess
import time

from hosts import run


def iperf3_bytes_s(hosts, streams, seconds=5):
    """Goodput of iperf3 from source to target, with the tcp path's CUBIC."""
    with subprocess.Popen(hosts.target.inside("iperf3", "-s", "-1", "-J"),
                          stdout=subprocess.PIPE, text=True) as server:
        try:
            wait_until_listening(server.pid, 5201)
            run(hosts.source.inside(
                "iperf3", "-c", hosts.target.address, "-P", str(streams),
                "-t", str(seconds), "-J", "-C", "cubic"))
            output, _ = server.communicate(timeout=30)
        finally:
            server.kill()  # nothing, if it has ended
    return json.loads(output)["end"]["sum_received"]["bits_per_second"] / 8


def wait_until_listening(pid, port, seconds=10):
    """Until a program in the network namespace of `pid` accepts on a port."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for table in ("tcp", "tcp6"):
            with open(f"/proc/{pid}/net/{table}", encoding="ascii") as file:
                for line in list(file)[1:]:
                    local, state = line.split()[1], line.split()[3]
                    if state == "0A" and int(local[-4:], 16) == port:
                        return
        time.sleep(0.02)
    raise RuntimeError(f"nothing listened on port {port} for {seconds} s")


def null_mover_bytes_s(hosts, perf_dir, size, streams):
    """Goodput of memfd to socket to memfd with nothing else."""
    program = os.path.join(perf_dir, "null_mover")
    port = "7599"
    with subprocess.Popen(
            hosts.target.inside(program, "receive", port, str(size),
                                str(streams)),
            stdout=subprocess.PIPE, text=True) as receiver:
        receiver.stdout.readline()
        try:
            return float(run(hosts.source.inside(
                program, "send", hosts.target.address, port, str(size),
                str(streams))))
        except RuntimeError:
            receiver.kill()
            raise
