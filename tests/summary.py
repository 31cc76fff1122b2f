#!/usr/bin/env python3
"""Adds up what a run of tests did, from the JUnit files of ctest and pytest and from single steps.

summary.py [--step NAME=ok|failed]... FILE...

Prints what failed and what was left out, then `N passed, M failed` as the last line. A file that is missing, or that holds no test, is a
failure: a run that tested nothing must not look like one that found nothing. Exit status 0: something passed, nothing failed.
"""

import argparse
import os
import sys
import xml.etree.ElementTree


def cases(path):
    """(name, outcome) of each test of a JUnit file; raises on a file that is none."""
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        name = "::".join(filter(None, (case.get("classname"), case.get("name"))))
        if case.find("failure") is not None or case.find("error") is not None:
            yield name, "failed"
        elif case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
            yield name, "skipped"
        else:
            yield name, "passed"


def collect(paths, steps):
    found = []
    for path in paths:
        try:
            here = list(cases(path))
        except (OSError, xml.etree.ElementTree.ParseError) as error:
            here = [(f"{os.path.basename(path)}: {error}", "failed")]
        found += here or [(f"{os.path.basename(path)}: no test in it", "failed")]
    for step in steps:
        name, _, outcome = step.rpartition("=")
        found.append((name, "passed" if outcome == "ok" else "failed"))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--step", action="append", default=[])
    parser.add_argument("files", nargs="*")
    args = parser.parse_args()
    found = collect(args.files, args.step)
    for word, outcome in (("left out", "skipped"), ("FAILED", "failed")):
        for name, how in found:
            if how == outcome:
                print(f"{word}: {name}")
    passed = sum(1 for _, how in found if how == "passed")
    failed = sum(1 for _, how in found if how == "failed")
    print(f"{passed} passed, {failed} failed")
    return 0 if passed > 0 and failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
