"""Scenarios that count bytes: what a move puts on the line, beside what zstd
would make of the same blocks. Not of time, so a busy machine does no harm."""

import contextlib
import glob
import json
import os
import shutil
import subprocess
import tempfile

from hosts import Hosts, run

MIB = 1 << 20
# What the machine itself has of a Debian installation, until it is enough.
IMAGE_FOLDERS = ("/usr/bin", "/usr/sbin", "/usr/include", "/usr/share",
                 "/usr/lib/x86_64-linux-gnu")
IMAGE_BYTES_MIN = 1600 * MIB
CHANGED_BYTES = 50 * MIB


def memory_files(pid):
    """The memfds of a VMM, by their paths under /proc; one has several."""
    paths = {os.readlink(path): path for path in glob.glob(f"/proc/{pid}/fd/*")}
    return [path for name, path in paths.items()
            if name.startswith("/memfd:causeway-ram-")]


def reference(options, *arguments):
    return json.loads(run([os.path.join(options.perf, "codec_reference"),
                           *arguments]))


def move_and_count(hosts, guest, migrate):
    """The report, and what left the source's interface meanwhile."""
    before = hosts.source.sent_bytes()
    report = hosts.migrate(guest, "--proof", "landed", *migrate)
    return report, hosts.source.sent_bytes() - before


def bytes_sent(options):
    """1 GiB, half text-like, quarter zero, quarter random, nothing known at
    the target: bytes at the interface beside zstd -3 of the same blocks."""
    figures = {"interface_bytes": [], "zstd_bytes": [], "ratio": []}
    with Hosts(options.bin, offloads=False, tls=True) as hosts:
        for _ in range(min(options.runs, 3)):
            name = hosts.start_guest("--memory", "1G", "--workload", "idle",
                                     "--content", "shares:0.5,0.25")
            pid = hosts.guest_status(hosts.source, name)["pid"]
            beside = reference(options, *memory_files(pid))["zstd_bytes"]
            _, sent = move_and_count(
                hosts, name, ("--path", "wan", "--codec", "deflate:1"))
            hosts.check(name)
            figures["interface_bytes"].append(sent)
            figures["zstd_bytes"].append(beside)
            figures["ratio"].append(sent / beside)
    return figures


def deltas(options):
    """A hot set of which each write changes 10 % of a page, on a line of 100
    Mbit/s: bytes a block that is sent again, with deltas and without."""
    figures = {}
    with Hosts(options.bin, offloads=False, tls=True,
               link="100M,20ms,0%") as hosts:
        for _ in range(min(options.runs, 3)):
            for codec in ("deflate:1", "none"):
                name = hosts.start_guest(
                    "--memory", "64M", "--content", "random", "--workload",
                    "hotset:2M,0.1,0.1")
                report, _ = move_and_count(
                    hosts, name, ("--path", "wan", "--codec", codec,
                                  "--max-blackout", "5ms"))
                hosts.check(name)
                again = report["rounds"][1:]
                figures.setdefault(f"{codec}_bytes_a_block", []).append(
                    sum(r["wire_bytes"] for r in again)
                    / max(1, sum(r["blocks"] for r in again)))
        figures["ratio"] = [
            one / other for one, other in zip(
                figures["deflate:1_bytes_a_block"],
                figures["none_bytes_a_block"])]
    return figures


@contextlib.contextmanager
def mounted(image):
    with tempfile.TemporaryDirectory() as folder:
        run(["mount", "-o", "loop", image, folder])
        try:
            yield folder
        finally:
            run(["umount", folder])


def copy_until(folder, wanted):
    """Debian's own files, whole folders, until they are so many bytes."""
    copied = 0
    for source in IMAGE_FOLDERS:
        if copied >= wanted:
            return copied
        shutil.copytree(source, os.path.join(folder, source.lstrip("/")),
                        symlinks=True, ignore_dangling_symlinks=True)
        copied += sum(os.lstat(os.path.join(root, name)).st_size
                      for root, _, names in os.walk(source) for name in names)
    return copied


def change_some(folder, wanted):
    """New files where old ones were: of the same kind, of other content."""
    changed = 0
    for root, _, names in os.walk(os.path.join(folder, "usr")):
        for name in sorted(names)[::20]:
            path = os.path.join(root, name)
            if os.path.islink(path) or not os.path.isfile(path):
                continue
            with open(path, "rb") as file:
                old = file.read()
            # Each byte with its bits turned: as compressible as it was.
            with open(path + ".new", "wb") as file:
                file.write(old.translate(bytes(255 - i for i in range(256))))
            os.replace(path + ".new", path)
            changed += len(old)
            if changed >= wanted:
                return changed
    return changed


def known_image(options):
    """A disk whose image the target's index knows, but for 50 MB: bytes at
    the interface beside zstd -3 of the changed blocks and 8 a known one."""
    figures = {"interface_bytes": [], "ratio": []}
    with tempfile.TemporaryDirectory() as folder, \
            Hosts(options.bin, offloads=False, tls=True) as hosts:
        base, disk = (os.path.join(folder, name) for name in ("base", "disk"))
        run(["truncate", "-s", "5G", base])
        run(["mke2fs", "-q", "-F", "-t", "ext4", base])
        with mounted(base) as inside:
            figures["image_bytes"] = copy_until(inside, IMAGE_BYTES_MIN)
        run(["cp", "--sparse=always", base, disk])
        with mounted(disk) as inside:
            figures["changed_bytes"] = change_some(inside, CHANGED_BYTES)
        added = subprocess.run(
            [os.path.join(options.bin, "causeway"), "index", "add", base,
             "--state", hosts.target.folder, "--json", "-"],
            capture_output=True, text=True, check=True).stdout
        figures["index_add"] = json.loads(added)
        counted = reference(options, "--known", base, disk)
        figures["reference"] = counted
        allowed = counted["zstd_bytes"] + 8 * counted["known"]
        for _ in range(min(options.runs, 3)):
            name = hosts.start_guest("--memory", "64M", "--used", "0",
                                     "--workload", "idle", "--disk", disk)
            report, sent = move_and_count(
                hosts, name, ("--path", "wan", "--codec", "deflate:3"))
            hosts.check(name)
            figures["dedup"] = report["dedup"]
            figures["interface_bytes"].append(sent)
            figures["ratio"].append(sent / allowed)
    return figures


ALL = {function.__name__: function for function in (
    bytes_sent, deltas, known_image)}
