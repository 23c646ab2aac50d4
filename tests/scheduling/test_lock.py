from __future__ import annotations

import pytest
from django.core.cache import cache

from netbox_hedgehog.scheduling.lock import KEY, TIMEOUT_SECONDS, TickLock

LOCAL_MEMORY = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


@pytest.fixture
def held() -> TickLock:
    lock = TickLock()
    assert lock.acquire()
    return lock


def test_its_name_and_timeout_are_those_of_the_contract(held):
    assert KEY == "periodic_fabric_sync_running"
    assert cache.get("periodic_fabric_sync_running") == held.token
    assert 299 <= cache.ttl(KEY) <= 300


def test_only_one_of_two_gets_it(held):
    assert not TickLock().acquire()


def test_the_next_gets_it_once_it_is_free(held):
    held.release()
    assert TickLock().acquire()


def test_one_that_was_refused_frees_nothing(held):
    refused = TickLock()
    refused.acquire()
    refused.release()
    assert cache.get(KEY) == held.token


def test_one_that_passed_to_another_is_neither_freed_nor_extended(held):
    cache.set(KEY, "another tick", 50)
    held.renew()
    held.release()
    assert cache.get(KEY) == "another tick"
    assert cache.ttl(KEY) <= 50


def test_one_whose_tick_was_killed_is_taken_over_once_no_tick_could_last_so_long(held, settings):
    settings.HEDGEHOG_TICK_TIME_BUDGET_SECONDS = 45
    cache.expire(KEY, 300 - 54)
    assert not TickLock().acquire()
    cache.expire(KEY, 300 - 56)
    successor = TickLock()
    assert successor.acquire()
    assert 299 <= cache.ttl(KEY) <= 300
    assert not TickLock().acquire()
    held.release()
    assert cache.get(KEY) == successor.token


def test_one_that_somebody_holds_by_hand_is_left_to_its_timeout():
    cache.set(KEY, "maintenance", 20)
    assert not TickLock().acquire()
    cache.set(KEY, True, None)
    assert not TickLock().acquire()


def test_one_of_which_the_cache_cannot_say_whose_it_is_is_left_alone(held, monkeypatch):
    def fail(*_: object) -> None:
        raise TimeoutError("timed out")

    cache.expire(KEY, 10)
    monkeypatch.setattr(TickLock, "_evaluate", fail)
    assert not TickLock().acquire()


def test_one_that_was_flushed_is_not_made_again(held):
    cache.clear()
    held.renew()
    held.release()
    assert cache.get(KEY) is None


def test_renewing_starts_its_time_anew(held):
    cache.expire(KEY, 10)
    held.renew()
    assert cache.ttl(KEY) > TIMEOUT_SECONDS - 10


def test_it_is_granted_while_the_cache_is_away(cache_away):
    lock = TickLock()
    assert lock.acquire()
    lock.renew()
    lock.release()


def test_one_whose_grant_got_lost_on_the_way_is_freed_all_the_same(monkeypatch):
    def add_and_lose_the_answer(*args: object) -> bool:
        cache.set(*args)
        raise TimeoutError("timed out")

    with monkeypatch.context() as patched:
        patched.setattr(cache, "add", add_and_lose_the_answer, raising=False)
        lock = TickLock()
        assert lock.acquire()
    lock.release()
    assert cache.get(KEY) is None


def test_it_works_with_any_cache_of_django(settings):
    settings.CACHES = LOCAL_MEMORY
    cache.clear()
    first, second = TickLock(), TickLock()
    assert first.acquire()
    first.renew()
    assert not second.acquire()
    second.release()
    assert cache.get(KEY) == first.token
    first.release()
    assert second.acquire()
    second.release()
