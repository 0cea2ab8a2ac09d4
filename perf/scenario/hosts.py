"""Two hosts on one machine: network namespaces joined by a veth pair, each
with its agent; and guests on them through the real command line."""

import json
import mmap
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

PORT = 7433
TIMEOUT_S = 180


def run(argv, **options):
    """Runs a program to its end; an error carries what it printed."""
    done = subprocess.run(argv, capture_output=True, text=True,
                          timeout=TIMEOUT_S, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)} failed ({done.returncode}): "
                           f"{done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Host:
    """One namespace with an agent."""

    def __init__(self, name, address, bin_dir, folder, tls):
        # Two pairs of hosts may be there at once.
        pair = os.path.basename(folder)[-4:]
        self.namespace = f"cw-perf-{os.getpid()}-{pair}-{name}"
        self.name = name
        self.address = address
        self.agent_address = f"{address}:{PORT}"
        self.bin_dir = bin_dir
        self.folder = os.path.join(folder, name)
        self.agent = None
        self.agent_options = []
        self.security = ["--clear"]
        if tls:
            authority = os.path.join(folder, "pki")
            run([os.path.join(bin_dir, "causeway"), "pki", "host", authority,
                 name, "--address", address])
            self.security = ["--tls", os.path.join(authority, name)]
        run(["ip", "netns", "add", self.namespace])

    def inside(self, *argv):
        return ["ip", "netns", "exec", self.namespace, *argv]

    def start_agent(self):
        os.makedirs(self.folder, exist_ok=True)
        # Guests come from the other host.
        allow = [] if "--clear" in self.security else [
            "--allow", "b" if self.name == "a" else "a"]
        with open(os.path.join(self.folder, "agent.log"), "wb") as log:
            self.agent = subprocess.Popen(
                self.inside(os.path.join(self.bin_dir, "causeway"), "agent",
                            "--name", self.name, "--listen",
                            self.agent_address, "--state", self.folder,
                            *self.security, *allow, *self.agent_options),
                stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.agent.stdout.readline()
        if not line.startswith("listening"):
            raise RuntimeError(f"the agent of {self.name} did not start; see "
                               f"{self.folder}/agent.log")

    def causeway(self, *argv):
        """The command line on this host; its --json output."""
        return json.loads(run(self.inside(
            os.path.join(self.bin_dir, "causeway"), *argv, *self.security,
            "--json", "-")))

    def causeway_fails(self, *argv):
        """One that must not succeed."""
        done = subprocess.run(self.inside(
            os.path.join(self.bin_dir, "causeway"), *argv, *self.security),
            capture_output=True, timeout=TIMEOUT_S, check=False)
        if done.returncode == 0:
            raise RuntimeError(f"{' '.join(argv)} did not fail")

    def stop_guests(self):
        listed = self.causeway("guest", "list", "--agent", self.agent_address)
        for guest in listed["guests"]:
            run(self.inside(os.path.join(self.bin_dir, "causeway"), "guest",
                            "stop", guest["name"], "--agent",
                            self.agent_address, *self.security))

    def sent_bytes(self):
        """What left this host's veth end, as its agent's namespace sees it."""
        with open(f"/proc/{self.agent.pid}/net/dev", encoding="ascii") as file:
            for line in file:
                if line.strip().startswith("veth"):
                    return int(line.split(":")[1].split()[8])
        raise RuntimeError(f"{self.name} has no veth end")

    def close(self):
        if self.agent:
            try:
                self.stop_guests()
            except (RuntimeError, subprocess.TimeoutExpired, ValueError):
                pass  # the agent may be what failed
            self.agent.send_signal(signal.SIGTERM)
            try:
                self.agent.wait(10)
            except subprocess.TimeoutExpired:
                self.agent.kill()
        subprocess.run(["ip", "netns", "del", self.namespace], check=False)


class Emulator:
    """A line between two hosts: a namespace in the middle, where the emulator
    carries the frames. A run with faults of its own must be thrown away."""

    def __init__(self, bin_dir, link, hosts):
        self.namespace = f"cw-perf-{os.getpid()}-{id(self) % 10000}-m"
        self.folder = tempfile.mkdtemp(prefix="causeway-perf-")
        self.control = os.path.join(self.folder, "control")
        self.process = None
        run(["ip", "netns", "add", self.namespace])
        for index, host in enumerate(hosts):
            run(["ip", "link", "add", "veth0", "netns", host.namespace, "type",
                 "veth", "peer", "name", f"wan{index}", "netns",
                 self.namespace])
            run(["ip", "netns", "exec", self.namespace, "ip", "link", "set",
                 f"wan{index}", "addrgenmode", "none", "up"])
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", self.namespace,
             os.path.join(bin_dir, "causeway-wan-emulator"), "wan0", "wan1",
             "--link", link, "--control", self.control],
            stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not os.path.exists(self.control):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError("the emulator did not start")
            time.sleep(0.01)

    def counters(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
            stream.connect(self.control)
            stream.sendall(b"counters\n")
            return json.loads(stream.makefile().readline())

    def close(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)
        subprocess.run(["ip", "netns", "del", self.namespace], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


class Hosts:
    """Source and target. With offloads off, frames are as on a wire; with a
    `link` ("100M,50ms,0.1%": rate, round trip, loss) on a long one; with
    `ports`, the wan path's packets go through DPDK ports (net_af_packet)."""

    def __init__(self, bin_dir, offloads, tls=False, link=None, ports=False):
        self.folder = tempfile.mkdtemp(prefix="causeway-perf-")
        if tls:
            run([os.path.join(bin_dir, "causeway"), "pki", "init",
                 os.path.join(self.folder, "pki")])
        self.source = Host("a", "10.78.0.1", bin_dir, self.folder, tls)
        self.target = Host("b", "10.78.0.2", bin_dir, self.folder, tls)
        self.count = 0
        self.emulator = None
        try:
            self._join(bin_dir, offloads, link)
            if ports:
                for index, host in enumerate((self.source, self.target)):
                    host.agent_options = [
                        "--wan-device", "net_af_packet0,iface=veth0",
                        "--wan-address", f"10.99.0.{index + 1}/24"]
            self.source.start_agent()
            self.target.start_agent()
        except Exception:
            self.close()
            raise

    def _join(self, bin_dir, offloads, link):
        if link:
            self.emulator = Emulator(bin_dir, link, (self.source, self.target))
            offloads = False
        else:
            run(["ip", "link", "add", "veth0", "netns", self.source.namespace,
                 "type", "veth", "peer", "name", "veth0", "netns",
                 self.target.namespace])
        for host in (self.source, self.target):
            run(host.inside("ip", "link", "set", "lo", "up"))
            run(host.inside("ip", "address", "add", host.address + "/30",
                            "dev", "veth0"))
            run(host.inside("ip", "link", "set", "veth0", "up"))
        if link:
            self._introduce()
        for host in (self.source, self.target):
            if not offloads:
                run(host.inside("ethtool", "-K", "veth0", "tso", "off", "gso",
                                "off", "gro", "off", "tx-udp-segmentation",
                                "off"))

    def _introduce(self):
        """Routers at the ends of a line do not ask across it who is there: a
        line that loses would lose that, too."""
        for host, other in ((self.source, self.target),
                            (self.target, self.source)):
            links = json.loads(run(other.inside("ip", "-j", "link", "show",
                                                "veth0")))
            run(host.inside("ip", "neighbour", "replace", other.address,
                            "lladdr", links[0]["address"], "dev", "veth0",
                            "nud", "permanent"))

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.source.close()
        self.target.close()
        if self.emulator:
            self.emulator.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start_guest(self, *options):
        """A guest on the source that has filled its memory; its name."""
        self.count += 1
        name = f"guest{self.count}"
        self.source.causeway("guest", "run", name, "--agent",
                             self.source.agent_address, *options)
        deadline = time.monotonic() + TIMEOUT_S
        while not self.guest_status(self.source, name)["filled"]:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{name} did not fill its memory")
            time.sleep(0.05)
        return name

    @staticmethod
    def guest_status(host, name):
        listed = host.causeway("guest", "list", "--agent", host.agent_address)
        return next(g for g in listed["guests"] if g["name"] == name)

    def migrate(self, name, *options):
        return self.source.causeway(
            "migrate", name, "--from", self.source.agent_address, "--to",
            self.target.agent_address, *options)

    def check(self, name):
        """The guest verifies itself at the target, then is stopped."""
        result = self.target.causeway("guest", "check", name, "--agent",
                                      self.target.agent_address)
        if not result["ok"]:
            raise RuntimeError(f"{name} is damaged: {result}")
        self.target.stop_guests()
        return result

    def move_one(self, guest_options, migrate_options=(), warm_bytes=0):
        """Start, move, check: the report and what the guest saw."""
        name = self.start_guest(*guest_options)
        time.sleep(0.3)  # into its steady state
        if warm_bytes:
            warm_memory(warm_bytes)
        report = self.migrate(name, *migrate_options)
        return report, self.check(name)


class Sampler:
    """Calls a function every `period_s` in a thread, keeps what it returns.

    At real-time priority: where all processors are busy, an ordinary thread
    was up to 100 ms late to look.
    """

    def __init__(self, sample, period_s):
        self.samples = []
        self._stop = threading.Event()

        def loop():
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
            while not self._stop.wait(period_s):
                self.samples.append((time.monotonic(), sample()))

        self._thread = threading.Thread(target=loop, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *unused):
        self._stop.set()
        self._thread.join()


def warm_memory(size):
    """Touches and frees memory, so that what is allocated next has its pages.

    Where the machine is itself a guest, its host takes back what lies free for
    a second or two (free page reporting), and the next first touch is a fault
    there: 2.7 s a GiB against 0.3 on the machine measured. Hosts that run
    guests have their memory.
    """
    populate_write = 23  # MADV_POPULATE_WRITE, Linux 5.14
    with mmap.mmap(-1, size) as memory:
        memory.madvise(populate_write)


def processes(name):
    """The pids whose program is called `name` (the kernel keeps 15 bytes)."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", encoding="ascii") as file:
                if file.read().strip() == name[:15]:
                    yield int(pid)
        except OSError:
            continue


def status_bytes(pid, field):
    """A size out of /proc/PID/status, 0 if the process is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            found = re.search(rf"^{field}:\s+(\d+) kB", file.read(), re.M)
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memfd_allocated_bytes(pid):
    """What the memfds of a process really occupy: holes do not count."""
    allocated = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        path = f"/proc/{pid}/fd/{fd}"
        try:
            if os.readlink(path).startswith("/memfd:"):
                info = os.stat(path)
                allocated[info.st_ino] = info.st_blocks * 512
        except OSError:
            continue
    return sum(allocated.values())
