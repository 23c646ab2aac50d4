from __future__ import annotations

import gc

import pytest

from netbox_hedgehog.sync.garbage import collected_afterwards


def test_a_sync_is_not_interrupted_by_the_collector_which_is_back_afterwards():
    assert gc.isenabled()
    with collected_afterwards():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_also_after_a_failure():
    with pytest.raises(KeyError), collected_afterwards():
        raise KeyError
    assert gc.isenabled()


def test_a_process_without_a_collector_stays_so():
    gc.disable()
    try:
        with collected_afterwards():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
