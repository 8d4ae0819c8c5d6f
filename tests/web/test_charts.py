"""Numbers become places in a chart, truly."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from smsapp.watch.overview import Group
from smsapp.web.console import charts

START = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def bars(*groups):
    return [(START + n * HOUR, group) for n, group in enumerate(groups)]


def test_a_bar_is_as_high_as_its_texts_are_many():
    drawn, levels = charts.volume(bars(Group(60, 30, 10), Group(50)), HOUR)
    heights = [height for _, _, height in drawn[0].parts]
    assert heights == pytest.approx([108, 54, 18])
    assert drawn[0].parts[-1][1] == charts.ABOVE
    assert drawn[1].parts[0][2] == 90
    assert [word for _, word in levels] == ["0", "50", "100"]


def test_one_failure_among_many_is_still_seen():
    drawn, _ = charts.volume(bars(Group(1_000_000, 1)), HOUR)
    assert drawn[0].parts[1][2] == 2


def test_bars_share_the_width_and_do_not_touch():
    drawn, _ = charts.volume(bars(*[Group(1)] * 24), HOUR)
    edges = [(bar.x, bar.x + bar.width) for bar in drawn]
    assert edges[0][0] > 0
    assert edges[-1][1] < 100
    assert all(end < start for (_, end), (start, _) in pairwise(edges))


def test_where_nothing_ended_the_line_has_a_gap():
    points, _ = charts.rates(bars(Group(1), Group(1, 1), Group(open=5), Group(0, 1)), HOUR)
    assert [point.before is None for point in points] == [True, False, True]
    top, middle, bottom = charts.ABOVE, charts.ABOVE + charts.HEIGHT / 2, 200
    assert [point.y for point in points] == [top, middle, bottom]


def test_an_empty_chart_can_be_drawn():
    empty = bars(Group(), Group())
    assert [bar.parts for bar in charts.volume(empty, HOUR)[0]] == [[], []]
    assert charts.rates(empty, HOUR)[0] == []
    assert charts.times([], HOUR) == []


@pytest.mark.parametrize(
    ("rate", "shown"),
    [(None, "–"), (0, "0 %"), (100, "100 %"), (99.99, "99.9 %"), (0.01, "0.1 %"), (95, "95.0 %")],
)
def test_only_all_is_shown_as_all_and_nothing_as_nothing(rate, shown):
    assert charts.percent(rate) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0"),
        (950, "950"),
        (1000, "1k"),
        (1200, "1.2k"),
        (30_000, "30k"),
        (2_500_000, "2.5M"),
        (999_999, "1000k"),
    ],
)
def test_a_number_beside_a_scale_is_brief(count, shown):
    assert charts.brief(count) == shown


@pytest.mark.parametrize(
    ("count", "top"),
    [(0, 2), (2, 2), (3, 4), (5, 6), (7, 8), (11, 12), (41, 50), (99, 100), (104, 120)],
)
def test_a_scale_ends_at_an_even_number(count, top):
    assert charts.round_up(count) == top


@pytest.mark.parametrize(
    ("step", "shown"),
    [(1, ["00:00", "01:00", "01:00", "02:00"]), (6, None), (24, None)],
)
def test_times_below_the_plot_stay_on_the_page(step, shown):
    labels = charts.times(bars(Group(), Group(), Group()), timedelta(hours=step))
    assert [anchor for _, anchor, _ in labels] == ["start", "middle", "middle", "end"]
    assert (labels[0][0], labels[-1][0]) == (0, 100)
    if shown:
        assert [text for _, _, text in labels] == shown
