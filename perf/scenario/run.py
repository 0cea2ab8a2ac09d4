#!/usr/bin/env python3
"""Runs whole migrations through the real command line and measures them.

Writes results.json (all values, medians, spread, the machine) and sweep.svg.
Needs root (network namespaces), iperf3, ethtool, gnuplot: tools/install-packages
check. Give it an idle machine: it says what else ran.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time

import byte_scenarios
import picture
import scenarios
import wan_scenarios

SCENARIOS = {**scenarios.ALL, **byte_scenarios.ALL, **wan_scenarios.ALL}
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":")[1].strip() for line in file
                      if line.startswith("model name")), "unknown")
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short",
                             "HEAD"], capture_output=True, text=True,
                            check=False).stdout.strip()
    return {"cpu": model, "cpus": os.cpu_count(), "kernel": platform.release(),
            "memory_bytes": os.sysconf("SC_PAGE_SIZE")
            * os.sysconf("SC_PHYS_PAGES"),
            "kvm": os.path.exists("/dev/kvm"), "commit": commit,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "load": os.getloadavg()[0]}


def with_medians(value):
    """Beside each list of numbers its median, least and most."""
    if isinstance(value, list):
        return [with_medians(item) for item in value]
    if not isinstance(value, dict):
        return value
    result = {}
    for key, item in value.items():
        result[key] = with_medians(item)
        if (isinstance(item, list) and item
                and all(isinstance(x, (int, float)) for x in item)):
            result[key + "_median"] = statistics.median(item)
            result[key + "_spread"] = [min(item), max(item)]
    return result


def summary(value, name=""):
    """One line for each figure: median (least to most)."""
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        if key.endswith(("_median", "_spread")):
            continue
        path = f"{name}.{key}" if name else key
        if key + "_median" in value:
            least, most = value[key + "_spread"]
            print(f"  {path}: {value[key + '_median']:.6g} "
                  f"({least:.6g} to {most:.6g})")
        elif isinstance(item, (int, float)):
            print(f"  {path}: {item:.6g}")
        else:
            summary(item, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", nargs="*", metavar="SCENARIO",
                        help=f"of {', '.join(SCENARIOS)}; default: all")
    parser.add_argument("--build", default=os.path.join(ROOT, "build/release"),
                        help="the build whose bin/ and perf/ are measured")
    parser.add_argument("--out", default="perf-results", help="folder")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sweep-runs", type=int, default=3)
    parser.add_argument("--streams", type=int, default=2)
    parser.add_argument("--moves", type=int, default=1000,
                        help="of the scenario soak")
    parser.add_argument("--tls", action="store_true",
                        help="agents and streams inside TLS 1.3; without it "
                        "in the clear, as what they are measured beside")
    options = parser.parse_args()
    options.bin = os.path.join(os.path.abspath(options.build), "bin")
    options.perf = os.path.join(os.path.abspath(options.build), "perf")
    for name in options.scenario:
        if name not in SCENARIOS:
            parser.error(f"{name} is none of {', '.join(SCENARIOS)}")
    if os.geteuid() != 0:
        parser.error("needs root for network namespaces")
    os.makedirs(options.out, exist_ok=True)
    path = os.path.join(options.out, "results.json")
    results = {}
    if os.path.exists(path):  # scenarios measured apart add up
        with open(path, encoding="utf-8") as file:
            results = json.load(file)
    for name in options.scenario or SCENARIOS:
        print(f"{name}: {SCENARIOS[name].__doc__}", flush=True)
        figures = with_medians(SCENARIOS[name](options))
        results[name] = {"machine": machine(), "tls": options.tls,
                         "figures": figures}
        with open(path, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=2)
        if name == "sweep":
            picture.draw(figures, os.path.join(options.out, "sweep.svg"))
        else:
            summary(figures)
    print(f"written to {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
