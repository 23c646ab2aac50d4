"""Processes are kept running, and nothing that they started outlives them; all with real processes."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from netbox_hedgehog.local.printer import Printer
from netbox_hedgehog.local.supervisor import Service, Supervisor, delay_after, describe
from tests.local.conftest import wait_until_gone

# Says its own process id and that of a child, then waits for ever.
FAMILY = textwrap.dedent(
    """
    import os, subprocess, sys
    child = subprocess.Popen([sys.executable, "-S", "-c", "import signal; signal.pause()"])
    print("family", os.getppid(), os.getpid(), child.pid, flush=True)
    child.wait()
    """
)
DEAF = textwrap.dedent(
    """
    import os, signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("deaf", os.getppid(), os.getpid(), flush=True)
    while True:
        signal.pause()
    """
)


def python(code, *, name="patient", grace_seconds=1.0, unsaid=()):
    return Service(name, (sys.executable, "-S", "-c", code), grace_seconds, unsaid)


@pytest.fixture
def supervisor(heard):
    supervisor = Supervisor(Printer(heard, on_broken=lambda: None), dict(os.environ))
    yield supervisor
    supervisor.stop()


def family(heard):
    """Lifeline, command and its child, as the next family to start says."""
    return [int(word) for word in heard.wait_for("family").split("family")[1].split()]


def test_a_killed_command_is_started_again_and_its_children_are_not_left_behind(supervisor, heard):
    supervisor.start(python(FAMILY))
    lifeline, command, child = family(heard)

    os.kill(command, signal.SIGKILL)

    assert "patient was killed by SIGKILL; starting it again in 1 s" in heard.wait_for("again")
    wait_until_gone(lifeline, child)
    assert not {lifeline, command, child} & set(family(heard))


def test_a_killed_lifeline_takes_its_family_along_and_all_are_started_again(supervisor, heard):
    supervisor.start(python(FAMILY))
    lifeline, command, child = family(heard)

    os.kill(lifeline, signal.SIGKILL)

    wait_until_gone(command, child)
    assert not {lifeline, command, child} & set(family(heard))


def test_a_command_that_ends_is_started_again_and_the_line_gives_its_status(supervisor, heard):
    supervisor.start(python("raise SystemExit(3)"))
    assert "patient ended with status 3; starting it again in 1 s" in heard.wait_for("again")
    assert "in 2 s" in heard.wait_for("again")


def test_stopping_ends_the_whole_family(supervisor, heard):
    supervisor.start(python(FAMILY))
    members = family(heard)
    supervisor.stop()
    wait_until_gone(*members)


def test_a_command_that_does_not_listen_is_killed_after_its_grace(supervisor, heard):
    supervisor.start(python(DEAF, grace_seconds=0.2))
    members = [int(word) for word in heard.wait_for("deaf").split("deaf")[1].split()]
    supervisor.stop()
    wait_until_gone(*members)


def test_one_service_can_be_stopped_while_the_others_go_on(supervisor, heard):
    supervisor.start(python(FAMILY, name="one"))
    first = family(heard)
    supervisor.start(python(FAMILY, name="other"))
    second = family(heard)

    supervisor.stop("one")

    wait_until_gone(*first)
    assert supervisor.names() == ("other",)
    os.kill(second[1], 0)


def test_stopping_while_waiting_to_start_again_is_immediate(supervisor, heard):
    supervisor.start(python("raise SystemExit(1)"))
    heard.wait_for("again in 1 s")
    supervisor.stop()
    assert supervisor.names() == ()


def test_when_the_launcher_is_killed_everything_that_it_started_ends(python_launcher):
    launcher, members = python_launcher
    launcher.kill()
    wait_until_gone(*members)


@pytest.fixture
def python_launcher():
    """A launcher process, and the process ids of the family that it keeps running."""
    code = textwrap.dedent(
        f"""
        import os, signal, sys
        from netbox_hedgehog.local.printer import Printer
        from netbox_hedgehog.local.supervisor import Service, Supervisor
        supervisor = Supervisor(Printer(sys.stdout, lambda: None), dict(os.environ))
        supervisor.start(Service("patient", (sys.executable, "-S", "-c", {FAMILY!r}), 1.0))
        signal.pause()
        """
    )
    launcher = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with launcher:
        line = launcher.stdout.readline()
        yield launcher, [int(word) for word in line.split("family")[1].split()]
        launcher.kill()


def test_lines_that_need_not_be_said_are_left_out(supervisor, heard):
    supervisor.start(python("print('chatter'); print('news')", unsaid=("chatter",)))
    assert heard.wait_for("news") == "patient  | news"
    assert not any("chatter" in line for line in heard.lines)


@pytest.mark.parametrize(
    ("last_delay", "ran_seconds", "delay"),
    [(0, 0.1, 1), (1, 0.1, 2), (2, 59, 4), (16, 0, 30), (30, 0, 30), (30, 60, 1), (0, 3600, 1)],
)
def test_the_wait_doubles_up_to_half_a_minute_and_starts_over_after_a_healthy_minute(last_delay, ran_seconds, delay):
    assert delay_after(last_delay, ran_seconds) == delay


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (1, "ended with status 1"),
        (0, "ended with status 0"),
        (-9, "was killed by SIGKILL"),
        (139, "was killed by SIGSEGV"),
    ],
)
def test_the_end_of_a_process_is_put_into_words(status, words):
    assert describe(status) == words


def test_output_that_nobody_reads_any_more_is_a_reason_to_stop():
    read, write = os.pipe()
    broken = []
    with os.fdopen(write, "w") as stream:
        printer = Printer(stream, on_broken=lambda: broken.append(True))
        printer.line("web", "read")
        os.close(read)
        printer.line("web", "lost")
        printer.line("web", "lost again")
    assert broken == [True]
