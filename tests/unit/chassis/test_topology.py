"""Names and arguments on the broker: nothing is dropped, and nothing is kept for ever."""

from chassis.topology import DEAD, DEAD_LETTERS, EVENTS_LOG, JOBS_EXTRACT, PROGRESS_FOLD, QUEUES


def test_names_are_those_of_the_design() -> None:
    assert {queue.name: queue.exchange.name for queue in QUEUES} == {
        "quire.jobs.extract": "quire.jobs",
        "quire.progress.fold": "quire.progress",
        "quire.events.log": "quire.events",
        "quire.dead.letters": "quire.dead",
    }


def test_work_queues_are_replicated_and_dead_letter_after_a_high_limit() -> None:
    for queue in (JOBS_EXTRACT, PROGRESS_FOLD):
        assert queue.arguments["x-queue-type"] == "quorum"
        assert queue.arguments["x-delivery-limit"] >= 100
        assert queue.arguments["x-dead-letter-exchange"] == DEAD.name
    assert DEAD_LETTERS.arguments["x-queue-type"] == "quorum"


def test_the_log_of_events_is_a_bounded_stream() -> None:
    assert EVENTS_LOG.arguments["x-queue-type"] == "stream"
    assert EVENTS_LOG.arguments["x-max-length-bytes"] > 0
    assert EVENTS_LOG.arguments["x-max-age"] == "7D"
