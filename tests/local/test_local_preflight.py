"""A start that cannot work is refused before anything is changed, with what to do about it."""

import os
import socket
import subprocess
import sys
import textwrap
import threading

import pytest

from netbox_hedgehog.local.preflight import CannotStartError, check_port, lock


@pytest.fixture
def taken_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def run_command(environment, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "netbox_hedgehog", "run", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_free_port_passes():
    check_port("127.0.0.1", 0)


def test_a_taken_port_is_named_with_the_option_that_helps(taken_port):
    with pytest.raises(CannotStartError, match=rf"Port {taken_port} on 127.0.0.1 is taken .* --port {taken_port + 1}"):
        check_port("127.0.0.1", taken_port)


def test_an_address_that_is_not_ours_is_refused_with_the_option_that_helps():
    with pytest.raises(CannotStartError, match="--host"):
        check_port("192.0.2.1", 8000)


def test_with_a_taken_port_nothing_is_started_or_written(bare_environment, tmp_path, taken_port):
    done = run_command(bare_environment, "--port", str(taken_port))
    assert done.returncode == 2
    assert f"Port {taken_port} on 127.0.0.1 is taken" in done.stderr
    assert not (tmp_path / "var").exists()


def test_a_second_run_on_the_same_data_is_refused_and_names_the_first(bare_environment, tmp_path):
    held = lock(tmp_path / "var/run.lock")
    try:
        done = run_command(bare_environment, "--port", str(free_port()))
    finally:
        os.close(held)
    assert done.returncode == 2
    assert f"Another run (process {os.getpid()})" in done.stderr
    assert "HEDGEHOG_DATA_DIR" in done.stderr


def test_the_lock_can_be_taken_again_when_it_was_given_back(tmp_path):
    os.close(lock(tmp_path / "run.lock"))
    os.close(lock(tmp_path / "run.lock"))


def test_what_a_killed_run_left_behind_is_waited_for(tmp_path):
    path = tmp_path / "run.lock"
    left_behind = start_holder(path)
    taken = []
    waiting = threading.Thread(target=lambda: taken.append(lock(path)))
    waiting.start()
    assert taken == []
    left_behind.communicate()
    waiting.join(timeout=30)
    assert len(taken) == 1
    os.close(taken[0])


def start_holder(path):
    """A process that holds the lock of an owner which is dead, until its standard input ends."""
    code = textwrap.dedent(
        f"""
        import os, sys
        from pathlib import Path
        from netbox_hedgehog.local.preflight import lock
        descriptor = lock(Path({str(path)!r}))
        os.set_inheritable(descriptor, True)
        if os.fork():
            os._exit(0)
        print("held", flush=True)
        sys.stdin.read()
        """
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    process.wait()
    return process


@pytest.mark.parametrize("arguments", [("--port", "0"), ("--port", "70000"), ("--workers", "0")])
def test_options_out_of_range_are_refused(bare_environment, arguments):
    done = run_command(bare_environment, *arguments)
    assert done.returncode == 2
    assert "usage: netbox-hedgehog run" in done.stderr


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_any_other_command_is_django_s(bare_environment):
    done = subprocess.run(
        [sys.executable, "-m", "netbox_hedgehog", "version"],
        env=bare_environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    import django

    assert done.stdout.strip() == django.get_version()
