import io

import pytest
from rich.console import Console

from quire.batch.v1 import batch_pb2
from quire_client.command.display import Lines, bars, progress_line
from quire_client.command.messages import json_of
from quire_client.command.output import printed, sized, spelled
from quire_client.command.pace import Pace


def batch_at(processed: int) -> batch_pb2.Batch:
    counters = batch_pb2.Counters(total=100, processed=processed, succeeded=processed, queued=100 - processed)
    return batch_pb2.Batch(id="b1", name="march", status=batch_pb2.BATCH_STATUS_PROCESSING, counters=counters)


def paced(*seen: tuple[float, int]) -> Pace:
    pace = Pace()
    for now, processed in seen:
        pace.note(processed, now)
    return pace


def test_pace_is_the_rate_of_the_last_half_minute_when_snapshots_come() -> None:
    pace = paced((0, 0), (100, 10), (110, 20), (130, 60))

    assert pace.rate == 50 / 30
    assert pace.seconds_left(batch_at(60)) == 40 / pace.rate


def test_pace_tells_nothing_when_nothing_moved() -> None:
    assert paced((0, 5), (10, 5)).seconds_left(batch_at(5)) is None


def test_pace_takes_the_servers_estimate_when_there_is_one() -> None:
    batch = batch_at(60)
    batch.eta.FromSeconds(90)

    assert Pace().seconds_left(batch) == 90


def test_progress_line_says_rate_time_left_and_hold_when_known() -> None:
    batch = batch_at(50)
    batch.hold_reason = batch_pb2.HOLD_REASON_PROVIDER_RATE_LIMITED

    line = progress_line(batch, paced((0, 0), (25, 50)))

    assert line == "PROCESSING 50/100, 50 succeeded, 50 queued, 2.0/s, about 25s left, held: PROVIDER_RATE_LIMITED"


def test_lines_are_at_most_one_a_second_when_snapshots_rush_in() -> None:
    out = io.StringIO()
    lines = Lines(out)
    for processed in range(50):
        lines.show(batch_at(processed))

    assert len(out.getvalue().splitlines()) == 1


def test_bars_draw_one_bar_per_status_when_documents_are_in_it() -> None:
    console = Console(file=io.StringIO(), width=100, record=True)
    console.print(bars(batch_at(25), Pace()))
    drawn = console.export_text()

    assert "25/100 (25%)" in drawn
    assert "succeeded" in drawn
    assert "failed" not in drawn


def test_json_of_uses_short_names_and_plain_numbers_when_given_a_batch() -> None:
    batch = batch_at(1)
    batch.create_time.FromSeconds(0)
    batch.options.deadline.FromSeconds(90)
    told = json_of(batch)

    assert told["status"] == "PROCESSING"
    assert told["hold_reason"] == ""
    assert told["counters"]["bytes"] == 0
    assert told["create_time"] == "1970-01-01T00:00:00Z"
    assert told["complete_time"] is None
    assert told["options"]["deadline"] == 90.0


@pytest.mark.catalogue("Q16")
def test_printed_drops_what_could_rewrite_the_terminal_when_a_name_holds_it() -> None:
    assert printed("a\x1b[2Jb\n") == "a [2Jb "


def test_spelled_and_sized_read_well_when_numbers_grow() -> None:
    assert [spelled(seconds) for seconds in (5, 65, 7_300)] == ["5s", "1m 05s", "2h 01m"]
    assert [sized(count) for count in (5, 2048, 5 << 20, 3 << 30)] == ["5 B", "2 KiB", "5 MiB", "3.0 GiB"]
