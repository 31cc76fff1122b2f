"""What Redis keeps for a delivery: about the figures of docs/OPERATIONS.md (`tests/bench/run.sh --only R1,R2`), printed with `-s`."""

import pytest
from harness.contract import make_event
from harness.endpoint import Status
from harness.stack import ACCOUNT
from harness.waiting import wait_until

COUNT, AT_ONCE = 20000, 1000


def used(redis):
    [line] = [line for line in redis.command("INFO", "memory").splitlines() if line.startswith("used_memory:")]
    return int(line.split(":")[1])


@pytest.mark.slow
# 1.2 keys to a bucket: the dearest there are (docs/OPERATIONS.md).
@pytest.mark.parametrize("status, name, most", [(200, "ended", 200), (500, "scheduled", 1100)])
def test_redis_memory(stack, endpoint, redis, status, name, most):
    stack.webhook(max_concurrency=256, max_attempts=3)
    endpoint.script("/hook", Status(status))
    worker = stack.worker(TRUEFTP_RETRY_BASE_MS="3600000", TRUEFTP_RETRY_MAX_MS="3600000")
    before = used(redis)
    events = [make_event(ACCOUNT, f"/incoming/2026/06/08/order-{number:08d}.csv") for number in range(COUNT)]
    for first in range(0, COUNT, AT_ONCE):
        stack.topics.publish(*events[first : first + AT_ONCE])
    wanted = 'status="delivered"' if status == 200 else 'status="retrying"'
    wait_until("all are recorded", lambda: worker.metric("trueftp_worker_records_total", wanted) >= COUNT, 600, every=1, watch=[worker])
    wait_until("the index has them", lambda: worker.metric("trueftp_worker_events_unsettled") == 0, 60, watch=[worker])
    each = (used(redis) - before) / COUNT
    print(f"\nRedis: {each:.0f} bytes for a delivery that is {name}")
    assert 0 < each < most
