"""Waiting for facts. A scenario never sleeps for a guessed time: it says what must become true, and within what time."""

import time


class Late(AssertionError):
    """What was waited for did not come true in time."""


def wait_until(what, condition, seconds=20.0, every=0.02, watch=()):
    """Repeats condition() until it returns something true, and returns that.

    what: the fact, for the message; watch: programs whose end makes waiting pointless.
    """
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        for program in watch:
            program.expect_running(what)
        if time.monotonic() >= end:
            raise Late(f"not within {seconds:g} s: {what}" + "".join(program.tail() for program in watch))
        time.sleep(every)
