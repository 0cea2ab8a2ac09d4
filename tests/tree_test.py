#!/usr/bin/env python3
"""The rules of the tree that no compiler enforces.

Who may include whom, which library's headers belong to which folder, where
threads and clocks may be, what a data path must not do, what names and paths
must not appear. The rules are tables; each has a planted breach below, so that
a rule that stopped working fails its test.
"""

import os
import re
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Folder -> the folders of the project that it may include, besides itself.
# The longest matching prefix speaks. tests/ and perf/ may include everything.
MAY_INCLUDE = {
    "engine/base": [],
    "engine/guest": ["engine/base"],
    "engine/path": ["engine/guest", "engine/base"],
    "engine/codec": ["engine/guest", "engine/base"],
    "engine/content": ["engine/codec", "engine/guest", "engine/base"],
    "engine/policy": ["engine/guest", "engine/base"],
    "engine/migration": ["engine/policy", "engine/codec", "engine/content",
                         "engine/path", "engine/guest", "engine/base"],
    "engine/runtime": ["engine/guest", "engine/base"],
    "engine/control": ["engine"],
    "hypervisor-shim": ["engine"],
    "dpdk-wan": ["engine"],
    "rdma": ["engine"],
    "tools": ["hypervisor-shim", "dpdk-wan", "rdma", "engine"],
}
# What implements a seam is nobody's business but the programs'.
PATH_KINDS = ("engine/path/tcp/", "engine/path/loopback/",
              "engine/path/stripe/")

# Pattern of a system header -> where it may be included (tests/ mirror it).
LIBRARY_HOMES = [
    (r"(infiniband|rdma)/", ["rdma/", "labs/rdma/"]),
    (r"rte_", ["dpdk-wan/port"]),
    (r"(asm|linux)/kvm|xen", ["hypervisor-shim/"]),
    (r"hwloc", ["engine/runtime/topology"]),
    (r"(isa-l|igzip_lib|erasure_code)\b",
     ["engine/codec/", "engine/content/", "dpdk-wan/fec/"]),
    (r"sqlite3", ["engine/control/journal"]),
    (r"(grpcpp|grpc|google/protobuf)/", ["engine/control/", "tools/"]),
    (r"(ngtcp2|gnutls)/", ["dpdk-wan/quic/"]),
    (r"seccomp\.h", ["hypervisor-shim/lab/sandbox"]),
    (r"linux/if_packet\.h", ["tools/wan-emulator/packet_port"]),
    (r"openssl/", ["engine/path/tcp/", "tools/pki/",
                     "engine/content/content_identity",
                     "engine/content/content_key",
                     "engine/control/tls_handshake"]),
    (r"rocksdb/", ["engine/content/rocksdb_content_index.cc"]),
    (r"hiredis/", ["engine/content/redis_"]),
]

# What our own headers never show: who includes them needs not know it. Folder
# (empty: all) -> pattern.
HIDDEN_IN_HEADERS = [
    ("", r"rte_"),
    ("rdma/devices/", r"(infiniband|rdma)/"),
]

# Inside engine/, only runtime/ has threads and clocks. control/ is the agent's
# service, whose threads are gRPC's own.
THREADS_AND_CLOCKS = re.compile(
    r"#include <(thread|pthread\.h|future)>|"
    r"\b(steady_clock|system_clock|high_resolution_clock)::now|"
    r"\b(clock_gettime|gettimeofday|nanosleep|usleep|sleep_for)\b")

# In *_datapath.cc: no allocation, log, exception or clock.
DATAPATH_NEVER = re.compile(
    r"\bnew \w|\b(malloc|calloc|realloc)\(|make_unique|make_shared|\bthrow\b|"
    r"spdlog|fmt::print|std::c(out|err)|push_back|emplace_back|"
    r"clock_gettime|_clock::now")

# C headers that other people's compilers read have #ifndef.
HEADER_GUARD = re.compile(r"^#pragma once$|^#ifndef \w+_H_?$", re.M)
MACHINE_PATH = re.compile(r"(?<![\w/.$}])/(work|root|home)/")
# Spelled in halves: this file keeps the rule too.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|place" r"holder|"
                        r"for " r"now)\b")
VAGUE_FOLDERS = {"misc", "util", "utils", "helpers", "common", "stuff"}
ROOT_ENTRIES = {
    "CMakeLists.txt", "CMakePresets.json", "README.md", "LICENSE", "engine",
    "rdma", "dpdk-wan", "hypervisor-shim", "tools", "perf", "tests",
}
# tests/ folders that mirror no folder of the tree.
TEST_KINDS = {"contract", "sim", "fuzz", "labs", "integration"}
CODE = (".h", ".cc", ".c", ".S")
TEXT = CODE + (".py", ".txt", ".cmake", ".md", ".json", ".proto", "")
# A file is one noun; what is longer has swallowed another.
FILE_LINES_MAX = 800


def read_tree(root):
    """Path -> text of each text file of the tree."""
    files = {}
    for folder, folders, names in os.walk(root):
        top = folder == root
        folders[:] = [f for f in folders if f not in ("build", "__pycache__")
                      and not (f.startswith(".") and f != ".ci")]
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), root)
            if path.startswith("tests/fuzz/corpus/"):
                continue
            if os.path.splitext(name)[1] not in TEXT or top and name[0] == ".":
                continue
            with open(os.path.join(root, path), encoding="utf-8",
                      errors="replace") as file:
                files[path] = file.read()
    return files


def folder_rule(path):
    """The key of MAY_INCLUDE that speaks for this path, if any."""
    return max((f for f in MAY_INCLUDE if path.startswith(f + "/")),
               key=len, default=None)


def project_include_breach(path, included, files):
    if included not in files and not included.endswith(".pb.h"):
        return f"includes \"{included}\", which is not a path from the root"
    rule = folder_rule(path)
    if rule is None:
        return None
    if included.startswith(PATH_KINDS) and rule.startswith("engine/"):
        if os.path.dirname(included) != os.path.dirname(path):
            return f"includes {included}: only programs name a kind of path"
        return None
    allowed = [rule] + MAY_INCLUDE[rule]
    if not any(included.startswith(f + "/") for f in allowed):
        return f"includes {included}; {rule}/ may include {', '.join(allowed)}"
    return None


def include_breaches(path, text, files):
    for quote, included in re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)',
                                      text, re.M):
        if quote == '"':
            breach = project_include_breach(path, included, files)
            if breach:
                yield breach
        # Our own rdma/ is not the library's.
        if path.startswith("perf/") or quote == '"' and included in files:
            continue
        place = path[len("tests/"):] if path.startswith("tests/") else path
        for pattern, homes in LIBRARY_HOMES:
            if re.match(pattern, included) and not place.startswith(
                    tuple(homes)) and not path.startswith("tests/contract/"):
                yield f"includes {included}, which belongs to {homes[0]}"
        for folder, pattern in HIDDEN_IN_HEADERS:
            if (path.endswith(".h") and path.startswith(folder) and
                    re.match(pattern, included)):
                yield f"shows {included} to whoever includes it"


def code_breaches(path, text, files):
    yield from include_breaches(path, text, files)
    if path.endswith(".h") and not HEADER_GUARD.search(text):
        yield "is a header without #pragma once"
    if (path.startswith("engine/") and not
            path.startswith(("engine/runtime/", "engine/control/"))):
        found = THREADS_AND_CLOCKS.search(text)
        if found:
            yield f"has {found[0]!r}: threads and clocks are engine/runtime's"
    if path.endswith("_datapath.cc"):
        found = DATAPATH_NEVER.search(text)
        if found:
            yield f"has {found[0]!r} on the data path"


def place_breaches(path, text, folders):
    parts = path.split("/")
    if parts[0] not in ROOT_ENTRIES and not parts[0].startswith("."):
        yield f"{parts[0]} does not belong in the root"
    for vague in VAGUE_FOLDERS.intersection(parts[:-1]):
        yield f"lies in a folder named {vague}: name what it holds"
    if parts[0] == "tests" and len(parts) > 2 and parts[1] not in TEST_KINDS:
        mirrored = "/".join(parts[1:-1])
        if mirrored not in folders:
            yield f"tests {mirrored}, which does not exist"
    if text.count("\n") > FILE_LINES_MAX:
        yield f"has more than {FILE_LINES_MAX} lines: find the missing noun"


def breaches(files):
    """Every breach of a rule in {path: text}, as sentences."""
    folders = set()
    for path in files:
        parts = path.split("/")[:-1]
        folders.update("/".join(parts[:i + 1]) for i in range(len(parts)))
    found = []
    for path, text in sorted(files.items()):
        lines = list(place_breaches(path, text, folders))
        if path.endswith(CODE):
            lines += code_breaches(path, text, files)
        for pattern, what in ((MACHINE_PATH, "a machine's own path"),
                              (UNFINISHED, "unfinished work")):
            match = pattern.search(text)
            if match and path != "tests/tree_test.py":
                lines.append(f"has {match[0]!r}: {what}")
        found += [f"{path} {line}" for line in lines]
    return found


class Tree(unittest.TestCase):
    def test_keeps_the_rules(self):
        files = read_tree(ROOT)
        self.assertIn("engine/base/result.h", files)
        self.assertEqual(breaches(files), [])


class Rules(unittest.TestCase):
    """Each rule sees a planted breach of it."""

    GOOD = {
        "engine/base/a.h": "#pragma once\n",
        "engine/guest/g.h": '#pragma once\n#include "engine/base/a.h"\n',
        "engine/path/tcp/t.h": '#pragma once\n#include "engine/base/a.h"\n',
        "engine/path/stripe/s.h": "#pragma once\n",
        "hypervisor-shim/kvm/k.cc": "#include <linux/kvm.h>\n",
        "rdma/r.h": "#pragma once\n#include <rdma/rdma_cma.h>\n",
        "tools/uses_rdma.cc": '#include "rdma/r.h"\n',
        "tests/engine/base/a_test.cc": "#include <thread>\n",
    }

    def expect(self, path, text, word):
        found = breaches({**self.GOOD, path: text})
        self.assertTrue(any(word in line for line in found), found)

    def test_good_tree_has_none(self):
        self.assertEqual(breaches(self.GOOD), [])

    def test_include_directions(self):
        self.expect("engine/base/b.cc", '#include "engine/guest/g.h"',
                    "may include")
        self.expect("hypervisor-shim/kvm/b.cc", '#include "tools/x.h"',
                    "not a path from the root")
        self.expect("engine/migration/m.cc", '#include "engine/path/tcp/t.h"',
                    "only programs")
        self.expect("engine/migration/m.cc",
                    '#include "engine/path/stripe/s.h"', "only programs")
        self.expect("engine/guest/h.cc", '#include "g.h"', "from the root")
        self.expect("rdma/r.cc", '#include "hypervisor-shim/kvm/k.cc"',
                    "may include")

    def test_library_homes(self):
        self.expect("engine/base/b.cc", "#include <linux/kvm.h>", "belongs")
        self.expect("tools/b.cc", "#include <hwloc.h>", "belongs")
        self.expect("tests/labs/numa/b.cc", "#include <infiniband/verbs.h>",
                    "belongs")
        self.expect("engine/path/b.cc", "#include <rdma/rdma_cma.h>", "belongs")
        self.expect("engine/path/b.cc", "#include <isa-l/crc.h>", "belongs")
        self.expect("dpdk-wan/quic/b.cc", "#include <isa-l/erasure_code.h>",
                    "belongs")
        self.expect("engine/guest/b.cc", "#include <grpcpp/x.h>", "belongs")
        self.expect("tools/agent/b.cc", "#include <openssl/x.h>", "belongs")
        self.expect("engine/content/b.cc", "#include <openssl/evp.h>",
                    "belongs")
        self.expect("engine/content/rocksdb_content_index.h",
                    "#include <rocksdb/db.h>", "belongs")
        self.expect("engine/content/b.cc", "#include <hiredis/hiredis.h>",
                    "belongs")
        self.expect("tools/wan-emulator/b.cc", "#include <linux/if_packet.h>",
                    "belongs")
        self.expect("dpdk-wan/b.cc", "#include <rte_mbuf.h>", "belongs")
        self.expect("dpdk-wan/port/b.h", "#include <rte_mbuf.h>", "shows")
        self.expect("rdma/devices/b.h", "#include <infiniband/verbs.h>",
                    "shows")

    def test_threads_and_clocks(self):
        self.expect("engine/path/b.cc", "#include <thread>", "threads")
        self.expect("engine/base/b.cc", "steady_clock::now()", "clocks")

    def test_data_path(self):
        self.expect("engine/path/tcp/x_datapath.cc", "v.push_back(1);",
                    "data path")
        self.expect("engine/path/tcp/x_datapath.cc", "auto p = new Put;",
                    "data path")

    def test_headers_and_places(self):
        self.expect("engine/base/b.h", "int x;", "pragma once")
        self.expect("engine/utils/b.cc", "", "name what it holds")
        self.expect("docs/b.md", "", "root")
        self.expect("tests/engine/nowhere/b_test.cc", "", "does not exist")
        self.expect("engine/base/b.cc", "\n" * 801, "missing noun")

    def test_words(self):
        self.expect("README.md", "see /ro" "ot/x", "machine")
        self.expect("engine/base/b.cc", "// TO" "DO later", "unfinished")


if __name__ == "__main__":
    sys.exit(unittest.main())
