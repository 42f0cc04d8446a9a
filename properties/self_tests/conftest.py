"""`refconv` as a user runs it: a command in a process of its own, where what all its tests expect is asserted.

Besides, what tests of different subjects need: the simulator's compilers one by one, and Hypothesis without a database.
"""

import functools
import importlib.util
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest

pytest.register_assert_rewrite("kernel_checks")  # before a test imports it

PLANTED = Path(__file__).parent / "planted"
TIMEOUT = 60
COMPILERS = ("ziglang", "g++")


@dataclass(frozen=True)
class Ran:
    """What a command did. report: what ``--json`` wrote, or None if it wrote nothing."""

    status: int
    out: str
    err: str
    report: Any = None

    @property
    def laws(self):
        """The entry of each law in the report's only run."""
        [run] = self.report["runs"]
        return {entry["law"]: entry for entry in run["laws"]}

    @property
    def verdicts(self):
        """The verdict of each law in the report's only run."""
        return {law: entry["verdict"] for law, entry in self.laws.items()}

    def counterexample(self, law):
        """What broke that law."""
        assert self.verdicts[law] == "broken", self.out
        return self.laws[law]["counterexample"]


def environment(**changes):
    """Where ``refconv`` is the command that is installed beside this Python; None removes a variable."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    variables = {**os.environ, "PATH": path, "FORCE_COLOR": None, "PYTEST_ADDOPTS": None, **changes}
    return {name: value for name, value in variables.items() if value is not None}


def run(*command, cwd=None, **variables):
    """Runs a command to its end. Nobody wants to see our tracebacks, or escape codes in a file."""
    if command[:2] == ("refconv", "check") and "--database" not in command:
        command += ("--database", "none")  # no test is to find what another one has left
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # its processes too
            out, err = process.communicate()
            pytest.fail(f"{shlex.join(command)} did not end within {TIMEOUT} s\n{out}{err}")
    assert "Traceback" not in out + err, out + err
    assert "\x1b" not in out + err
    return Ran(process.returncode, out, err)


def use_compiler(choice, patch):
    """Makes one of `COMPILERS` the simulator's, or skips where it is not installed."""
    if choice == "ziglang":
        if importlib.util.find_spec("ziglang") is None:
            pytest.skip("ziglang is not installed")
        patch.delenv("REFCONV_CXX", raising=False)
    else:
        if shutil.which(choice) is None:
            pytest.skip(f"{choice} is not installed")
        patch.setenv("REFCONV_CXX", choice)


@pytest.fixture(scope="module", params=COMPILERS)
def compiler(request):
    """The name of the compiler in use: the tests of a file run with each."""
    with pytest.MonkeyPatch.context() as patch:
        use_compiler(request.param, patch)
        yield request.param


@pytest.fixture
def no_database():
    """Hypothesis without its database: no test is to find what another one, or an earlier run, has left."""
    hypothesis.settings.register_profile("before", hypothesis.settings.default)
    hypothesis.settings.register_profile("refconv-self-tests", database=None)
    hypothesis.settings.load_profile("refconv-self-tests")
    yield
    hypothesis.settings.load_profile("before")


@pytest.fixture(scope="session")
def refconv():
    """Runs ``refconv`` with some arguments, in ``cwd`` and with changed environment variables."""
    return functools.partial(run, "refconv")


@pytest.fixture(scope="session")
def check(tmp_path_factory):
    """Runs ``refconv check`` on an object of a file in ``planted``, or of any other place; the same only once."""

    @functools.cache
    def checked(spec, *arguments):
        report = tmp_path_factory.mktemp("check") / "report.json"
        place, _, name = spec.rpartition(":")
        path = PLANTED / place
        spec = f"{path}:{name}" if path.is_file() else spec
        jobs = () if "--jobs" in arguments else ("--jobs", "1")
        ran = run("refconv", "check", "--impl", spec, "--json", str(report), *jobs, *arguments)
        written = json.loads(report.read_text()) if report.exists() else None
        return Ran(ran.status, ran.out, ran.err, written)

    return checked
