#!/usr/bin/env python3
"""spin checks the model of the commitment protocol, and finds every mutant.

Never two running, nothing lost: whatever crashes, also with a link that goes
for ever. Exactly one runs in the end: when both hosts and the link come back.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

MODEL = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir,
                     os.pardir, os.pardir, "engine/control/commitment.pml")
# A search that runs out of depth or of states has proved nothing.
INCOMPLETE = ("max search depth too small", "out of memory")


def errors_of(claim, *defines):
    """How many errors spin finds; claim None: assertions and deadlocks."""
    with tempfile.TemporaryDirectory() as folder:
        def run(*argv):
            return subprocess.run(argv, cwd=folder, check=True, text=True,
                                  capture_output=True).stdout
        run("spin", "-a", *(f"-D{name}" for name in defines),
            os.path.abspath(MODEL))
        if claim is None:
            run("cc", "-O2", "-w", "-DSAFETY", "-DNOCLAIM", "-o", "pan",
                "pan.c")
            output = run("./pan", "-m100000")
        else:
            run("cc", "-O2", "-w", "-DNFAIR=4", "-o", "pan", "pan.c")
            output = run("./pan", "-a", "-f", "-m200000", "-N", claim)
        for what in INCOMPLETE:
            if what in output:
                raise AssertionError(f"{what}:\n{output}")
        return int(re.search(r"errors: (\d+)", output)[1])


class CommitmentModel(unittest.TestCase):
    def test_never_two_and_nothing_lost(self):
        self.assertEqual(errors_of(None), 0)

    def test_never_two_and_nothing_lost_without_a_link(self):
        self.assertEqual(errors_of(None, "LINK_DOWN"), 0)

    def test_one_runs_in_the_end(self):
        self.assertEqual(errors_of("one_runs_in_the_end"), 0)

    def test_without_a_link_one_runs_or_an_image_remains(self):
        self.assertEqual(
            errors_of("one_runs_or_an_image_remains", "LINK_DOWN"), 0)

    def test_a_link_that_goes_for_ever_may_leave_nobody_running(self):
        self.assertEqual(errors_of("one_runs_in_the_end", "LINK_DOWN"), 1)

    def test_mutants_are_unsafe(self):
        for bug in ("SEND_BEFORE_RECORD", "RECORD_BEFORE_FREEZE",
                    "RUN_BEFORE_RECORD", "DISCARD_EARLY"):
            with self.subTest(bug):
                self.assertEqual(errors_of(None, f"BUG_{bug}"), 1)

    def test_mutants_never_end(self):
        for bug in ("ONLY_ASKS", "NEVER_TAKES_BACK"):
            with self.subTest(bug):
                self.assertEqual(
                    errors_of("one_runs_in_the_end", f"BUG_{bug}"), 1)


if __name__ == "__main__":
    if shutil.which("spin") is None:
        print("SKIPPED: spin is not installed (tools/install-packages check)")
        sys.exit(0)
    unittest.main()
