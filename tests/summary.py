#!/usr/bin/env python3
"""Adds up what a run of tests did, from the JUnit files of ctest and pytest and from single steps.

summary.py [--step NAME=ok|failed]... FILE...

Prints what was left out, and what failed with the end of what it said, then `N passed, M failed` as the last line. A file that is missing, or that holds no test, is a
failure: a run that tested nothing must not look like one that found nothing. Exit status 0: something passed, nothing failed.
"""

import argparse
import os
import sys
import xml.etree.ElementTree


SAID_LINES = 40  # of a failed test: enough for an assertion, or for the stack of a sanitizer


def said(case):
    """What a failed test said: pytest has it in the failure, ctest in the output."""
    found = [case.find(tag) for tag in ("failure", "error", "system-out")]
    texts = [(element.text or element.get("message") or "").strip() for element in found if element is not None]
    return max(texts, key=len, default="").splitlines()[-SAID_LINES:]


def cases(path):
    """(name, outcome, lines it said) of each test of a JUnit file; raises on a file that is none."""
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        name = "::".join(filter(None, (case.get("classname"), case.get("name"))))
        if case.find("failure") is not None or case.find("error") is not None:
            yield name, "failed", said(case)
        elif case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
            yield name, "skipped", []
        else:
            yield name, "passed", []


def collect(paths, steps):
    found = []
    for path in paths:
        try:
            here = list(cases(path))
        except (OSError, xml.etree.ElementTree.ParseError) as error:
            here = [(f"{os.path.basename(path)}: {error}", "failed", [])]
        found += here or [(f"{os.path.basename(path)}: no test in it", "failed", [])]
    for step in steps:
        name, _, outcome = step.rpartition("=")
        found.append((name, "passed" if outcome == "ok" else "failed", []))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--step", action="append", default=[])
    parser.add_argument("files", nargs="*")
    args = parser.parse_args()
    found = collect(args.files, args.step)
    for word, outcome in (("left out", "skipped"), ("FAILED", "failed")):
        for name, how, lines in found:
            if how == outcome:
                print("\n".join([f"{word}: {name}", *(f"    {line}" for line in lines)]))
    passed = sum(1 for _, how, _ in found if how == "passed")
    failed = sum(1 for _, how, _ in found if how == "failed")
    print(f"{passed} passed, {failed} failed")
    return 0 if passed > 0 and failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
