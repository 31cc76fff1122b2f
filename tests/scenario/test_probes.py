"""What the Kubernetes manifests assume of the probes: /livez is about this process alone, /readyz about whether it takes part."""

import signal
import urllib.error
import urllib.request

import pytest
from harness.waiting import wait_until


def answers(worker, path, seconds=3):
    """Whether the port answers at all in time, as a probe would see it."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{worker.admin_port}{path}", timeout=seconds) as answer:
            return answer.status
    except urllib.error.HTTPError as answer:
        return answer.code
    except OSError:
        return None


def test_a_worker_whose_loop_stands_still_does_not_answer(stack):
    worker = stack.worker()
    assert answers(worker, "/livez") == 200
    worker.signal(signal.SIGSTOP)
    try:
        assert answers(worker, "/livez") is None
    finally:
        worker.signal(signal.SIGCONT)
    wait_until("it answers again", lambda: answers(worker, "/livez") == 200, watch=[worker])


def test_losing_redis_is_no_reason_to_die(stack, redis):
    worker = stack.worker()
    redis.program.kill()
    wait_until("it is not ready", lambda: answers(worker, "/readyz") == 503, watch=[worker])
    assert answers(worker, "/livez") == 200
    redis.start()
    wait_until("it is ready again", lambda: answers(worker, "/readyz") == 200, 60, watch=[worker])


@pytest.mark.real_kafka
def test_losing_kafka_is_no_reason_to_die(stack, own_kafka):
    worker = stack.worker()
    own_kafka.stop()
    wait_until("it notices", lambda: worker.metric("trueftp_worker_kafka_errors_total", 'handle="group",class="transport"') > 0 or worker.output().count("kafka") > 3, 60, watch=[worker])
    assert answers(worker, "/livez") == 200
    own_kafka.start()
    assert answers(worker, "/livez") == 200


def test_more_workers_than_partitions_are_ready_all_the_same(stack):
    """An empty assignment is one: else a pool at its maximum would never finish a rollout."""
    workers = [stack.worker(f"worker{number}") for number in range(5)]
    wait_until("four serve", lambda: sum(w.metric("trueftp_worker_partitions_serving") for w in workers) == 4, 60, watch=workers)
    assert all(answers(worker, "/readyz") == 200 for worker in workers)
    assert min(worker.metric("trueftp_worker_partitions_serving") for worker in workers) == 0
