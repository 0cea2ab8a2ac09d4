"""Runs inside the two-node lab system: migrates a guest whose memory lies on
node 1 and checks that the source's mover works there: each thread bound to
node 1's CPUs, its buffers and what it reads on node 1; as `causeway topology`
says beforehand."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

BIN = sys.argv[1]
NODE_1_CPUS = "2-3"
TIMEOUT_S = 100
# What a mover's worker has as buffers at least: a sender's scratch.
BUFFER_BYTES_MIN = 256 << 10


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def start_vmm(folder, name, extra=(), prefix=()):
    """A VMM that has said it is ready, its shim and monitor sockets."""
    shim, monitor = (os.path.join(folder, f"{name}.{kind}")
                     for kind in ("shim", "monitor"))
    ready_in, ready_out = os.pipe()
    vmm = subprocess.Popen(
        [*prefix, os.path.join(BIN, "causeway-vmm-process"), "--name", "guest",
         "--memory", "64M", "--workload", "uniform:1M", "--shim-socket", shim,
         "--monitor-socket", monitor, "--ready-fd", str(ready_out), *extra],
        pass_fds=[ready_out])
    os.close(ready_out)
    with os.fdopen(ready_in) as ready:
        line = ready.readline()
    check(line == "ready\n", f"the VMM {name} said: {line!r}")
    return vmm, shim, monitor


def ask(monitor, command):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(TIMEOUT_S)
        client.connect(monitor)
        client.sendall(json.dumps({"command": command}).encode() + b"\n")
        return json.loads(client.makefile().readline())


def wait_until_filled(monitor):
    deadline = time.monotonic() + TIMEOUT_S
    while not ask(monitor, "status")["filled"]:
        check(time.monotonic() < deadline, "the guest did not fill its memory")
        time.sleep(0.1)


class Mover:
    def __init__(self, spec):
        self.process = subprocess.Popen(
            [os.path.join(BIN, "causeway-mover")], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        self.process.stdin.write(json.dumps(
            {"migration": "numa", "guest": "guest", "token": "ab" * 16,
             "streams": 2, "begin": 1,
             "journal": os.path.join(tempfile.mkdtemp(), "journal.db"),
             **spec}) + "\n")
        self.process.stdin.flush()

    def event(self):
        line = self.process.stdout.readline()
        check(line, "a mover ended without a word")
        event = json.loads(line)
        check(event["event"] != "failed", f"a mover failed: {event}")
        return event

    def wait_for(self, wanted, **members):
        while True:
            event = self.event()
            if event["event"] == wanted and members.items() <= event.items():
                return event


def bound_cpus(pid):
    """Thread name -> the CPUs it may use."""
    threads = {}
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/status", encoding="ascii") as file:
            text = file.read()
        name = re.search(r"^Name:\s+(.*)$", text, re.M)[1]
        cpus = re.search(r"^Cpus_allowed_list:\s+(.*)$", text, re.M)[1]
        threads[f"{name} ({tid})"] = cpus
    return threads


def cpu_set(text):
    cpus = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        cpus.update(range(int(first), int(last or first) + 1))
    return cpus


def node_pages(pid, wanted):
    """Node -> bytes of the mappings whose numa_maps line matches."""
    nodes = {}
    with open(f"/proc/{pid}/numa_maps", encoding="ascii") as file:
        for line in file:
            if not re.search(wanted, line):
                continue
            page = int(re.search(r"kernelpagesize_kB=(\d+)", line)[1]) * 1024 \
                if "kernelpagesize_kB" in line else 4096
            for node, count in re.findall(r"\bN(\d+)=(\d+)", line):
                nodes[int(node)] = nodes.get(int(node), 0) + int(count) * page
    return nodes


def topology():
    """What `causeway topology` says of this system."""
    report = json.loads(subprocess.run(
        [os.path.join(BIN, "causeway"), "topology", "--streams", "2",
         "--json", "-"], check=True, capture_output=True).stdout)
    check([node["node"] for node in report["nodes"]] == [0, 1],
          f"topology has the nodes {report['nodes']}")
    return report


def check_far_device():
    """The interface on node 1's bus (numa_test) is there, and so is a verbs
    device on it, and queues on the other node are called remote. The report."""
    subprocess.run(["ip", "link", "set", "eth0", "up"], check=True)
    subprocess.run(["rdma", "link", "add", "rxe0", "type", "rxe", "netdev",
                    "eth0"], check=True)
    report = topology()
    nodes = {interface["interface"]: interface["node"]
             for interface in report["interfaces"]}
    print("interfaces by node:", nodes)
    check(nodes["eth0"] == 1 and nodes["lo"] is None, "eth0 is on node 1")
    check([(device["device"], device["node"]) for device in report["verbs"]] ==
          [("rxe0", 1)], f"the verbs devices are {report['verbs']}")
    for plan in report["plans"]:
        check([queue["remote"] for queue in plan["queues"]] ==
              [plan["node"] == 0], f"the queues of {plan}")
    return report


def check_plan(report, threads):
    """The mover's threads are where the report said before it ran."""
    plan = next(plan for plan in report["plans"] if plan["guest_node"] == 1)
    print("the plan:", plan)
    check(plan["node"] == 1 and plan["buffers"]["node"] == 1,
          "the plan is not for node 1")
    check(plan["session"] == sorted(cpu_set(NODE_1_CPUS)),
          "the plan has other processors")
    for name, cpus in threads.items():
        worker = re.match(r"worker-(\d+)", name)
        planned = plan["workers"][int(worker[1])] if worker else plan["session"]
        check(cpu_set(cpus) == set(planned),
              f"{name} is on {cpus}, the plan says {planned}")


def check_placement(report, pid):
    threads = bound_cpus(pid)
    print("threads:", threads)
    workers = [cpus for name, cpus in threads.items()
               if name.startswith("worker-")]
    check(len(workers) == 2, "the source's mover has not its two workers")
    for name, cpus in threads.items():
        check(cpu_set(cpus) <= cpu_set(NODE_1_CPUS),
              f"{name} may run on {cpus}, off node 1")
    check_plan(report, threads)
    buffers = node_pages(pid, r"\bbind[=:a-z]*:1\b")
    print("bound buffers, bytes by node:", buffers)
    check(set(buffers) == {1}, "buffers lie off node 1")
    check(buffers[1] >= 2 * BUFFER_BYTES_MIN, "the buffers are too small")
    guest = node_pages(pid, r"memfd:")
    print("guest memory it has read, bytes by node:", guest)
    check(guest.get(1, 0) > guest.get(0, 0),
          "the guest's memory is not on node 1: this test would show nothing")


def main():
    topology_report = check_far_device()
    folder = tempfile.mkdtemp()
    vmm, shim, monitor = start_vmm(
        folder, "source", prefix=("numactl", "--membind=1"))
    wait_until_filled(monitor)
    shell, shell_shim, shell_monitor = start_vmm(
        folder, "target", extra=("--incoming",))
    target = Mover({"role": "target", "shim_socket": shell_shim,
                    "listen": "127.0.0.1:0"})
    address = target.wait_for("listening")["address"]
    # Slow enough to be looked at while it runs.
    source = Mover({"role": "source", "shim_socket": shim, "peer": address,
                    "bandwidth_bytes_s": 12 << 20, "mode": "pre-copy",
                    "max_blackout_us": 1000000, "proof": "frozen"})
    source.wait_for("stage", stage="pre-copy")
    source.wait_for("progress")
    source.wait_for("progress")
    check_placement(topology_report, source.process.pid)
    report = source.wait_for("done")["report"]
    check(report["verified"], f"the proof of content failed: {report}")
    target.wait_for("done")
    check(source.process.wait(30) == 0, "the source's mover failed")
    check(target.process.wait(30) == 0, "the target's mover failed")
    result = ask(shell_monitor, "check")
    check(result["ok"], f"the guest is damaged: {result}")
    print(f"moved in {report['total_s']:.1f} s, blackout "
          f"{report['blackout_ms']:.1f} ms, checked from inside")
    for process in (vmm, shell):
        process.kill()
        process.wait()


signal.signal(signal.SIGALRM, signal.default_int_handler)
signal.alarm(TIMEOUT_S)  # what hangs says where, before QEMU is ended
main()
