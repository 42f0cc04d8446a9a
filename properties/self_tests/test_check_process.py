"""`refconv check` among other processes: signals, pipes, terminals, environments, and another check beside it."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PLANTED = Path(__file__).parent / "planted"
RIGHT = ("refconv", "check", "--impl", f"{PLANTED / 'right.py'}:Conv")
BROKEN = ("refconv", "check", "--impl", f"{PLANTED / 'returns_none.py'}:Conv")
HANGS = ("refconv", "check", "--impl", f"{PLANTED / 'never_returns_c.py'}:Conv")
BRIEF = ("--law", "index-sum", "--dtype", "float32", "--examples", "3", "--jobs", "1", "--seed", "1")


def environment(**changes):
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    variables = {**os.environ, "PATH": path, "FORCE_COLOR": None, **changes}
    return {name: value for name, value in variables.items() if value is not None}


def started(*command, **options):
    """The command in a session of its own, so that all its processes can be told from others."""
    return subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, **options,
    )  # fmt: skip


def members(session):
    """The command lines of a session's processes that are still alive."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:  # it ended meanwhile
            continue
    return found


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="tells processes apart by /proc")


@needs_proc
@pytest.mark.parametrize(
    ("command", "whole_group"),
    [(RIGHT, False), (RIGHT, True), (HANGS, True)],
    ids=["the process", "all processes, as Ctrl-C does", "one that hangs"],
)
def test_an_interrupted_check_says_so_and_leaves_no_process(command, whole_group):
    with started(*command, "--profile", "thorough", "--jobs", "2", "--time-limit", "60") as process:
        wait_for(lambda: len(members(process.pid)) == 3)
        time.sleep(1)
        (os.killpg if whole_group else os.kill)(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "refconv check: interrupted" in err
    assert "Traceback" not in out + err
    wait_for(lambda: members(process.pid) == [])


@needs_proc
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_a_check_that_is_ended_otherwise_leaves_no_process_either(signum):
    # `timeout`, a CI system, a closed terminal: a process that hangs in C would stay for good.
    with started(*HANGS, "--profile", "thorough", "--jobs", "2", "--time-limit", "60") as process:
        wait_for(lambda: len(members(process.pid)) == 3)
        time.sleep(1)
        os.kill(process.pid, signum)
        process.wait(timeout=20)
        try:
            wait_for(lambda: members(process.pid) == [], seconds=5)
        finally:
            if members(process.pid):
                os.killpg(process.pid, signal.SIGKILL)


def test_what_an_interrupted_check_knows_is_reported(tmp_path):
    report, file = tmp_path / "report.json", tmp_path / "it.py"
    file.write_text(
        "from itertools import repeat\n"
        "from refconv import windows\n"
        "class It:\n"
        "    def forward(self, x, w, problem):\n"
        "        return windows.forward(x, w, problem) if problem.batch == 1 else sum(repeat(0))\n"
    )
    # `repeat` calls with another problem in between, of one image more, and so one process hangs.
    arguments = ("b1h2w2i1o1k1", "--law", "index-sum", "--law", "repeat", "--dtype", "float32", "--time-limit", "60")
    with started("refconv", "check", "--impl", f"{file}:It", *arguments, "--jobs", "2", "--json", report) as process:
        time.sleep(5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in out + err
    [run] = json.loads(report.read_text())["runs"]
    assert {entry["law"]: entry["verdict"] for entry in run["laws"]} == {"index-sum": "held"}
    assert "index-sum" in out


def test_two_checks_at_once_do_not_disturb_each_other(tmp_path):
    laws = ("--law", "index-sum", "--law", "batch", "--dtype", "float32", "--examples", "40", "--seed", "5")
    reports = [tmp_path / f"{i}.json" for i in range(4)]
    commands = [
        (*command, *laws, "--jobs", jobs, "--json", str(report))
        for (command, jobs), report in zip(
            [(RIGHT, "1"), (BROKEN, "1"), (RIGHT, "2"), (BROKEN, "2")], reports, strict=True
        )
    ]
    checks = [started(*command) for command in commands]
    for check in checks:
        out, err = check.communicate(timeout=60)
        assert "Traceback" not in out + err
    assert [check.returncode for check in checks] == [0, 1, 0, 1]
    written = [json.loads(report.read_text()) for report in reports]
    for report in written:
        for entry in report["runs"][0]["laws"]:
            del entry["seconds"]
    assert (written[0], written[1]) == (written[2], written[3])


# -- standard output --------------------------------------------------------------------------------


@pytest.mark.parametrize(("command", "status"), [(RIGHT, 0), (BROKEN, 1)], ids=["right", "broken"])
def test_a_reader_that_has_seen_enough_changes_nothing(tmp_path, command, status):
    report = tmp_path / "report.json"
    with started(*command, *BRIEF, "--json", str(report)) as process:
        process.stdout.close()  # as `| head -0` does
        err = process.stderr.read()
        process.wait(timeout=30)
    assert err == ""
    assert process.returncode == status  # `set -o pipefail` must not see a broken law succeed
    assert report.exists()


def test_head_gets_its_line():
    done = subprocess.run(
        f"{' '.join(BROKEN)} {' '.join(BRIEF)} | head -1", shell=True, env=environment(), capture_output=True, text=True
    )
    assert "index-sum is broken" in done.stdout
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-"])
def test_a_closed_stream_changes_nothing(closed):
    done = subprocess.run(
        f"{' '.join(BROKEN)} {' '.join(BRIEF)} {closed}", shell=True, env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr


def test_a_full_disk_is_told():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*RIGHT, *BRIEF], env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert "Traceback" not in done.stderr
    assert done.returncode == 2
    assert "No space left on device" in done.stderr


def on_a_terminal(*command):
    """What a command writes to a terminal of 100 columns, and its exit status."""
    ours, theirs = pty.openpty()
    changes = {"TERM": "xterm-256color", "COLUMNS": "100", "NO_COLOR": None}
    with subprocess.Popen(command, env=environment(**changes), stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        written = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux's way to say that nobody holds the other end
                break
            if not piece:
                break
            written += piece
    os.close(ours)
    return written.decode(), process.returncode


def test_on_a_terminal_there_is_progress_and_colour():
    written, status = on_a_terminal(*BROKEN, *BRIEF)
    assert status == 1
    assert "\x1b[1;31m" in written  # bold red
    assert "Traceback" not in written
    assert "laws" in written


def test_square_brackets_in_a_name_are_no_markup(tmp_path):
    file = tmp_path / "[bold]a[red].py"
    file.write_text((PLANTED / "right.py").read_text())
    written, status = on_a_terminal("refconv", "check", "--impl", f"{file}:Conv", *BRIEF)
    assert "Traceback" not in written
    assert status == 0
    assert "[bold]a[red].py:Conv" in written


# -- environments ---------------------------------------------------------------------------------


PLAIN = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
BARE = {"HOME": None, "XDG_CACHE_HOME": None, "CI": "true", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONOPTIMIZE": "1"}
NOISY = {"HOME": "/dev/null/none", "HYPOTHESIS_STORAGE_DIRECTORY": "/dev/null/none", "PYTHONWARNINGS": "error"}
PYTEST = {"PYTEST_ADDOPTS": "--frobnicate", "PYTEST_PLUGINS": "frobnicate"}


@pytest.mark.parametrize("changes", [PLAIN, BARE, NOISY, PYTEST], ids=["plain", "bare", "noisy", "pytest"])
def test_environments_change_nothing(refconv, changes):
    ran = refconv(*BROKEN[1:], *BRIEF, **changes)
    assert ran.status == 1
    assert "forward returned NoneType, not a NumPy array" in ran.out
    assert "b1h1w1i1o1k1" in ran.out


def test_a_read_only_working_directory_is_enough(refconv, tmp_path):
    folder = tmp_path / "read-only"
    folder.mkdir()
    folder.chmod(0o555)
    try:
        ran = refconv(*RIGHT[1:], *BRIEF, cwd=folder)
    finally:
        folder.chmod(0o755)
    assert ran.status == 0
    assert list(folder.iterdir()) == []  # root may write here, but nothing was


def test_nothing_is_left_in_the_working_directory_or_in_tmp(refconv, tmp_path):
    work, temporary = tmp_path / "work", tmp_path / "tmp"
    work.mkdir()
    temporary.mkdir()
    ran = refconv(*BROKEN[1:], *BRIEF, cwd=work, TMPDIR=str(temporary))
    assert ran.status == 1
    assert list(work.iterdir()) == []
    assert list(temporary.iterdir()) == []


def test_a_pytest_project_around_it_does_not_matter(refconv, tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = "--frobnicate"\n')
    (tmp_path / "conftest.py").write_text("raise RuntimeError('not for you')\n")
    (tmp_path / "test_it.py").write_text("raise RuntimeError('nor you')\n")
    assert refconv(*RIGHT[1:], *BRIEF, cwd=tmp_path).status == 0


def test_a_path_with_spaces_and_quotes_comes_back_quoted(refconv, tmp_path):
    folder = tmp_path / "it's my folder"
    folder.mkdir()
    for name in ("right.py", "returns_none.py"):
        (folder / name).write_text((PLANTED / name).read_text())
    ran = refconv("check", "--impl", f"{folder}/returns_none.py:Conv", *BRIEF)
    assert ran.status == 1
    [command] = [line.partition("again: ")[2] for line in ran.out.splitlines() if "again: " in line]
    again = subprocess.run(command, shell=True, env=environment(), capture_output=True, text=True)
    assert again.returncode == 1
    assert "forward returned NoneType" in again.stdout


def test_a_relative_path_and_its_neighbours_are_found(refconv):
    ran = refconv("check", "--impl", "planted/only_forward.py:Conv", *BRIEF, cwd=PLANTED.parent)
    assert ran.status == 0
