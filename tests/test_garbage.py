"""What is garbage is found, in a process that looks for it seldom."""

import gc
import weakref

import pytest

from smsapp import garbage


class Circle:
    def __init__(self):
        self.me = self


@pytest.fixture
def settled():
    threshold = gc.get_threshold()
    garbage.settle()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


@pytest.mark.usefixtures("settled")
def test_what_is_loaded_is_not_looked_at_again():
    assert gc.get_freeze_count() > 100_000
    assert len(gc.get_objects()) < 10_000


@pytest.mark.usefixtures("settled")
def test_what_is_in_a_circle_is_found_all_the_same():
    circle = weakref.ref(Circle())
    assert circle()
    kept = [[] for _ in range(gc.get_threshold()[0] + 1)]
    assert kept
    assert circle() is None
