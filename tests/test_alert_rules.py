"""The alert rules in docs/alerts name metrics that exist, and ring when they should."""

import re
import shutil
import subprocess

import pytest

from smsapp import metrics
from smsapp.models import AlarmKind
from smsapp.watch.gauges import Gauges
from tests.conftest import ROOT

RULES = ROOT / "docs/alerts"
promtool = shutil.which("promtool")


def test_every_metric_in_the_rules_exists(app):
    with app.app_context():
        known = set(re.findall(r"^# TYPE (\w+)", metrics.exposition(Gauges()).decode(), re.M))
    known.add("smsapp_worker_seen_seconds")  # told only once a worker was seen
    used = set(re.findall(r"\bsmsapp_\w+", (RULES / "smsapp.yml").read_text()))
    assert {re.sub(r"_(bucket|count|sum)$", "", name) for name in used} <= known


def test_the_page_about_metrics_lists_them_all(app):
    page = (ROOT / "docs/metrics.md").read_text()
    with app.app_context():
        text = metrics.exposition(Gauges()).decode()
    ours = {name.removesuffix("_total") for name in re.findall(r"^# TYPE (smsapp_\w+)", text, re.M)}
    assert {name for name in ours if not name.endswith("_created")} <= set(
        re.findall(r"smsapp_\w+", page)
    )
    assert set(AlarmKind) <= set(re.findall(r"`(\w+)`", page))


@pytest.mark.skipif(promtool is None, reason="there is no promtool: apt-get install prometheus")
def test_the_rules_ring_when_they_should():
    for command in (["check", "rules", "smsapp.yml"], ["test", "rules", "test.yml"]):
        done = subprocess.run(
            [promtool, *command], cwd=RULES, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
