"""The parts of the chaos lab: a world of real programs, what is done to it, what is written down meanwhile, and the checker that
reads all of it in the end. The programs and servers are those of the scenarios' harness."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/scenario"))
