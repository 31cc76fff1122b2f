"""The agent under fire, as tests/chaos/producer.sh has it, in small: real Kafka of its own, kills, a broker's restart, rotations."""

import pathlib
import subprocess
import sys

import pytest
from harness.program import environment

PROGRAM = pathlib.Path(__file__).resolve().parents[1] / "chaos/producer.py"
SMALL = {"uploads": 10000, "kills": 10, "broker-restarts": 1, "rotations": 3, "seconds": 20}
FULL = {"uploads": 100000, "kills": 50, "broker-restarts": 5, "rotations": 10}


def play(bin_dir, tmp_path, numbers, minutes):
    folder = tmp_path / "run"
    folder.mkdir()
    arguments = [part for name, number in numbers.items() for part in (f"--{name}", str(number))]
    command = [sys.executable, PROGRAM, "--bin", bin_dir, "--folder", folder, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment({}), timeout=minutes * 60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.real_kafka
def test_every_event_is_there_and_no_other(bin_dir, tmp_path):
    play(bin_dir, tmp_path, SMALL, 5)


@pytest.mark.real_kafka
@pytest.mark.slow
def test_every_event_is_there_and_no_other_for_long(bin_dir, tmp_path):
    play(bin_dir, tmp_path, FULL, 20)
