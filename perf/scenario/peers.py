"""What a migration is measured beside: iperf3 and the null mover."""

import json
import os
import subprocess

from hosts import run


def iperf3_bytes_s(hosts, streams, seconds=5):
    """Goodput of iperf3 from source to target."""
    with subprocess.Popen(hosts.target.inside("iperf3", "-s", "-1", "-J"),
                          stdout=subprocess.PIPE, text=True) as server:
        for _ in range(50):  # until it listens
            try:
                output = run(hosts.source.inside(
                    "iperf3", "-c", hosts.target.address, "-P", str(streams),
                    "-t", str(seconds), "-J"))
                break
            except RuntimeError as error:
                if "refused" not in str(error):
                    server.kill()
                    raise
        server.communicate(timeout=30)
    return json.loads(output)["end"]["sum_received"]["bits_per_second"] / 8


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
