from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from torch._C._distributed_c10d import HashStore, Store

from reldistill.distillation.meeting import meet
from reldistill.errors import ReldistillError


def meet_all(store: Store, size: int) -> list[Store]:
    with ThreadPoolExecutor(size) as threads:
        return list(threads.map(lambda rank: meet(store, rank, size, timedelta(seconds=20)), range(size)))


def seen_by_all(stores: list[Store], text: str) -> bool:
    stores[0].set("said", text)
    return all(store.check(["said"]) and store.get("said") == text.encode() for store in stores)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_all_that_meet_share_what_they_say_and_no_earlier_attempt_is_seen(size: int) -> None:
    store = HashStore()
    for attempt in ("first", "second", "third"):
        stores = meet_all(store, size)
        assert not any(own.check(["said"]) for own in stores)
        assert seen_by_all(stores, attempt)


@pytest.mark.parametrize("late", [0, 1, 2])
def test_who_came_before_and_died_before_it_met_the_others_is_not_waited_for(late: int) -> None:
    store = HashStore()
    meet_all(store, 3)
    for rank in {0, 1, 2} - {late}:
        with pytest.raises(ReldistillError, match="not all processes"):
            meet(store, rank, 3, timedelta(seconds=0.1))
    stores = meet_all(store, 3)
    assert seen_by_all(stores, "all")


def test_more_and_fewer_processes_than_before_meet_too() -> None:
    store = HashStore()
    for size in (4, 2, 3):
        stores = meet_all(store, size)
        assert len(stores) == size
        assert seen_by_all(stores, str(size))
