"""Metrics: what the dead have counted stays, ages come from ids, labels have an end."""

import threading
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry, multiprocess
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from smsapp import clock, metrics
from smsapp.extensions import first_id, new_id
from smsapp.providers.twilio_errors import code_label


def write(folder, kind, pid, counts):
    """Write a process's file as prometheus_client does."""
    file = MmapedDict(str(folder / f"{kind}_{pid}.db"))
    for answer, count in counts.items():
        key = mmap_key("smsapp_events", "smsapp_events_total", ["answer"], [answer], "Events.")
        file.write_value(key, count, 0.0)
    file.close()


def read(folder):
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, str(folder))
    (metric,) = registry.collect()
    return {sample.labels["answer"]: sample.value for sample in metric.samples}


def test_what_the_dead_have_counted_stays_in_one_file(tmp_path):
    write(tmp_path, "counter", 11, {"sent": 3, "pending": 1})
    write(tmp_path, "counter", 12, {"sent": 4})
    write(tmp_path, "counter", 111, {"sent": 5})
    for pid in (11, 12, 99):
        metrics.merge_dead_process(pid, tmp_path)
        assert read(tmp_path) == {"sent": 12, "pending": 1}
    assert {path.name for path in tmp_path.glob("*.db")} == {"counter_dead.db", "counter_111.db"}


def test_the_dead_are_not_counted_twice_while_somebody_reads(tmp_path, monkeypatch):
    """A total that jumps up and down looks like texts to Prometheus."""
    monkeypatch.setenv(metrics.FOLDER, str(tmp_path))
    for pid in range(60):
        write(tmp_path, "counter", pid, {"sent": 1})
    seen, done = set(), threading.Event()

    def scrape():
        while not done.is_set():
            for line in metrics.exposition().decode().splitlines():
                if line.startswith("smsapp_events_total{"):
                    seen.add(float(line.rpartition(" ")[2]))

    reader = threading.Thread(target=scrape)
    reader.start()
    for pid in range(60):
        metrics.merge_dead_process(pid, tmp_path)
    done.set()
    reader.join()
    assert seen <= {60.0}
    assert read(tmp_path) == {"sent": 60}


def test_an_ids_age_is_when_it_was_made():
    now = clock.now()
    assert metrics.seconds_since(new_id()) < 1
    assert metrics.seconds_since(first_id(now - timedelta(minutes=5))) == pytest.approx(300, abs=1)
    assert metrics.seconds_since(first_id(now + timedelta(minutes=5))) == 0


@pytest.mark.parametrize(
    ("code", "label"), [(None, "none"), (0, "none"), (30003, "30003"), (999_999, "other")]
)
def test_only_codes_of_our_list_become_labels(code, label):
    assert code_label(code) == label
