"""Limits of a real installation: counted over all its web processes."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.system import installation


def test_two_web_processes_together_let_in_as_many_as_the_limit_says(redis_url, tmp_path):
    with installation(
        f"sqlite:///{tmp_path}/flow.sqlite3",
        tmp_path,
        WEB_CONCURRENCY="2",
        RATELIMIT_STORAGE_URI=redis_url,
        API_RATE_LIMIT="70/day",
        TMPDIR=str(tmp_path),
    ) as system:
        url, _ = system.web()

        def ask(_):
            path = f"{url}/api/deliveries?eventId=order-1001-shipped"
            try:
                urlopen(Request(path, headers={"Authorization": f"Bearer {system.key}"}))
            except HTTPError as answer:
                return answer.code, answer.headers["Retry-After"]

        with ThreadPoolExecutor(32) as callers:
            answers = list(callers.map(ask, range(100)))
        who_answered = list(tmp_path.glob("smsapp-metrics-*/histogram_*.db"))
    assert Counter(status for status, _ in answers) == {404: 70, 429: 30}
    assert all(0 < int(wait) <= 86_401 for status, wait in answers if status == 429)
    assert len(who_answered) == 2
