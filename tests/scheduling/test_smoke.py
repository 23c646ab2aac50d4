from datetime import timedelta
import pytest
from netbox_hedgehog.models import *
from netbox_hedgehog.scheduling.tick import run_tick
from netbox_hedgehog.scheduling.due import *


@pytest.mark.django_db
def test_smoke(now):
    r = GitRepository.objects.create(name="r", url="https://u:p@host/x.git")
    assert r.url == "https://host/x.git" and r.password.reveal() == "p"
    for i in range(5):
        HedgehogFabric.objects.create(
            name=f"f{i}",
            status="active",
            git_repository=r,
            last_sync=now - timedelta(seconds=300) + timedelta(microseconds=i - 2),
        )
    f = HedgehogFabric.objects.get(name="f2")
    assert f.due_at == epoch_microseconds(now)
    got = []
    s = run_tick(now, got.append)
    print(s.as_dict())
    assert len(got) == 3
    s = run_tick(now, got.append)
    print(s.as_dict())
    assert len(got) == 3
