"""`refconv check`: the suite in processes of its own, watched from outside.

An implementation may print, hang in C code, or take its process down. So the laws run in pytest processes that share
them out, and this one watches: it shows progress, ends a process whose call has been running for too long, replaces
one that died, and reports that as what it is, a broken law.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from refconv.problem import Problem
from refconv_properties.channel import Listener, Status
from refconv_properties.database import NOWHERE
from refconv_properties.laws import catalogue
from refconv_properties.report import Result, Run, as_json, by_run, rendered, verdict
from refconv_properties.search import PROFILES, SEEDS, Counterexample, Outcome, reproduction
from refconv_properties.terminal import page, progress

GRACE = 2.0  # seconds beyond the time limit in which a process may still end the call by itself
STARTUP = 120.0  # seconds for a process to import the implementations
POLL = 0.05


class CannotRun(Exception):
    """The check cannot run; the message says why."""


@dataclass(frozen=True)
class Request:
    """What to check, and how: the options of `refconv check`."""

    problems: Sequence[Problem] = ()
    implementations: Sequence[str] = ()
    device: str = "auto"
    dtypes: Sequence[str] = ()
    laws: Sequence[str] = ()
    profile: str = "quick"
    examples: int | None = None
    seed: int | None = 0  # None, with problems: `search.SEEDS`
    time_limit: float = 10.0
    jobs: int = 1
    replay: Path | None = None
    database: str = NOWHERE

    @property
    def seeds(self) -> Sequence[int]:
        """What is drawn from: one seed, or, for problems without one, those that reach every operator."""
        return SEEDS if self.seed is None else (self.seed,)

    @property
    def examples_each(self) -> int:
        """How many examples each law is to be tried on."""
        return len(self.problems) * len(self.seeds) or self.examples or PROFILES[self.profile]

    def pytest_arguments(self) -> list[str]:
        """The same, as the plugin's options."""
        arguments = [f"--conv-device={self.device}", f"--conv-profile={self.profile}"]
        arguments += [f"--conv-seed={self.seed}"] if self.seed is not None else []
        arguments += [f"--conv-impl={spec}" for spec in self.implementations]
        arguments += [f"--conv-dtype={dtype}" for dtype in self.dtypes]
        arguments += [f"--conv-law={law}" for law in self.laws]
        arguments += [f"--conv-problem={problem}" for problem in self.problems]
        arguments += [f"--conv-time-limit={self.time_limit}", f"--conv-database={self.database}"]
        arguments += [f"--conv-replay={self.replay}"] if self.replay else []
        return arguments + ([f"--conv-examples={self.examples}"] if self.examples else [])


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    listener: Listener
    log: Path
    started: float = field(default_factory=time.monotonic)
    ready: bool = False
    running: str = ""  # the test that it has claimed and not finished
    stopped_because: str = ""


class Check:
    """One run of `refconv check`. `results` grows while `run` is under way, so an interrupted one can be reported."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self._tests: dict[str, tuple[Run, str]] = {}
        self._results: dict[str, Result] = {}

    @property
    def results(self) -> list[Result]:
        """What is known so far, in the order of the laws."""
        return [self._results[test] for test in self._tests if test in self._results]

    def run(self) -> None:
        """Runs all laws. Raises `CannotRun`; on ``KeyboardInterrupt`` the processes are ended first."""
        with tempfile.TemporaryDirectory(prefix="refconv-check-") as folder, progress() as show:
            workers = [self._start(Path(folder)) for _ in range(self.request.jobs)]
            try:
                while workers and not self._is_done():
                    time.sleep(POLL)
                    for worker in list(workers):
                        self._listen(worker)
                        self._stop_if_late(worker)
                        if worker.process.poll() is not None:
                            workers.remove(worker)
                            if self._bury(worker):
                                workers.append(self._start(Path(folder)))
                    self._show(show, workers)
                if not self._tests:
                    raise CannotRun("there was no law to try")
            finally:
                for worker in workers:
                    worker.process.kill()
                    worker.process.wait()

    def _is_done(self) -> bool:
        """Whether every law has its result: what the implementation leaves behind need not be waited for."""
        return bool(self._tests) and len(self._results) == len(self._tests)

    def _start(self, folder: Path) -> _Worker:
        log = folder / f"log-{time.monotonic_ns()}"
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        # One thread each: the operands are small, and the processes share the machine.
        environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        environment.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(folder / "hypothesis"))
        command = [sys.executable, "-m", "pytest", "--pyargs", "refconv_properties", "-c", os.devnull]
        command += [f"--rootdir={folder}", "-p", "refconv_properties.plugin", "-p", "no:cacheprovider", "-q"]
        command += ["--noconftest", "--tb=short", f"--conv-channel={folder}", *self.request.pytest_arguments()]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                preexec_fn=_die_with_parent,
            )
        return _Worker(process, Listener(folder, process.pid), log)

    def _listen(self, worker: _Worker) -> None:
        for event in worker.listener.events():
            match event:
                case {"event": "error", "message": message}:
                    raise CannotRun(message)
                case {"event": "collected", "tests": tests}:
                    worker.ready = True
                    for test, told in tests.items():
                        self._tests.setdefault(test, (Run(**told["run"]), told["law"]))
                case {"event": "claimed", "test": test}:
                    if worker.running:  # it ended without a result: a fault of the suite itself
                        raise CannotRun(_last_words(worker, _without_result(worker)))
                    worker.running = test
                case {"event": "lost", "reason": reason}:
                    worker.stopped_because = reason
                case {"event": "finished", "test": test, "result": result}:
                    worker.running = ""
                    self._results[test] = Result.loads(result)

    def _stop_if_late(self, worker: _Worker) -> None:
        """Kills a process whose call does not end, or that never gets to its laws."""
        now, status = time.monotonic(), worker.listener.status()
        if status.operator and now - status.since > self.request.time_limit + GRACE:
            limit = f"{self.request.time_limit:g} s"
            worker.stopped_because = f"{status.operator} did not return within {limit}, and had to be killed"
            worker.process.kill()
            worker.process.wait()
        elif not worker.ready and now - worker.started > STARTUP:
            worker.process.kill()
            worker.process.wait()
            raise CannotRun(f"importing {', '.join(self.request.implementations)} took more than {STARTUP:g} s")

    def _bury(self, worker: _Worker) -> bool:
        """Explains how a process ended; True if another must take its place."""
        self._listen(worker)
        code = worker.process.returncode
        if not worker.ready:
            raise CannotRun(_last_words(worker, f"the process that loads the implementation {_manner(code)}"))
        status = worker.listener.status()
        if worker.running and code in (0, 1) and not status.operator:
            raise CannotRun(_last_words(worker, _without_result(worker)))
        if not worker.running:
            if code not in (0, 1, 5):  # pytest's: all passed, some failed, none collected
                raise CannotRun(_last_words(worker, f"a process that runs the laws {_manner(code)}"))
            return False
        run, law = self._tests[worker.running]
        if not status.problem:
            raise CannotRun(_last_words(worker, f"a process {_manner(code)} while it prepared the law {law}"))
        doing = f"while {status.operator} was running" if status.operator else "between two calls"
        what = worker.stopped_because or f"the process {_manner(code)} {doing}"
        self._results[worker.running] = Result(run, _fatal(run, law, status, [what, "not shrunk"]))
        return True

    def _show(self, show: Callable[[int, int, str, str], None], workers: list[_Worker]) -> None:
        if not self._tests:
            return
        each = self.request.examples_each
        running = [worker for worker in workers if worker.running in self._tests]
        done = len(self._results) * each
        done += sum(min(worker.listener.status().examples, each) for worker in running)
        broken = sum(result.outcome.verdict == "broken" for result in self._results.values())
        names = [f"{law} ({run.implementation} {run.dtype})" for run, law in (self._tests[w.running] for w in running)]
        text = f"{len(self._results)}/{len(self._tests)} laws" + (f", [bold red]{broken} broken[/]" if broken else "")
        show(len(self._tests) * each, done, text, ", ".join(names))


def check(request: Request, *, json_file: Path | None = None, coverage: bool = False) -> int:
    """Runs the check, prints the report to standard output, and returns the exit status.

    0: every law held; 1: one was broken; 2: it could not run, or nothing was tested; 130: interrupted.
    """
    unknown = [law for law in request.laws if law not in catalogue()]
    if unknown:
        _say(f"law {unknown[0]!r} must be one of {', '.join(catalogue())}")
        return 2
    checking = Check(request)
    status = 0
    try:
        checking.run()
    except CannotRun as reason:
        _say(str(reason))
        status = 2
    except KeyboardInterrupt:
        _say("interrupted")
        status = 130
    results = checking.results
    if results:
        out = page()
        text = rendered(results, width=out.width, colour=out.colour, coverage=coverage, encoding=out.encoding)
        try:
            sys.stdout.write(f"{text}{_seeds(request.seeds)}\n")
            sys.stdout.flush()
        except OSError as error:
            # Nobody reads on (head, less), or the disk is full. Python must not try again when it ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if not isinstance(error, BrokenPipeError):
                _say(f"cannot write the report: {error.strerror}")
                status = status or 2
    if json_file is not None and (results or status == 0):
        try:
            json_file.write_text(json.dumps(as_json(results, seed=request.seed), indent=1) + "\n")
        except OSError as error:
            _say(f"cannot write {json_file}: {error.strerror}")
            status = status or 2
    if status:
        return status
    verdicts = {verdict(outcomes) for outcomes in by_run(results).values()}
    if "broken" in verdicts:
        return 1
    return 0 if "held" in verdicts else 2


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def _die_with_parent() -> None:
    """Asks Linux to kill this process when the one that watches it ends, however that comes."""
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def _say(sentence: str) -> None:
    print(f"refconv check: {sentence}", file=sys.stderr)


def _fatal(run: Run, law: str, status: Status, sentences: list[str]) -> Outcome:
    problem = Problem.parse(status.problem)
    command = reproduction(run.spec, run.device, run.dtype, law, problem, status.seed)
    counterexample = Counterexample(status.problem, status.seed, command, sentences)
    return Outcome(law, "broken", status.examples, counterexample=counterexample)


def _manner(code: int) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with status {code}"


def _without_result(worker: _Worker) -> str:
    """A fault of the suite itself, or a problem beyond this machine."""
    problem = worker.listener.status().problem
    return f"{worker.running} could not be tried on {problem}" if problem else f"{worker.running} gave no result"


def _last_words(worker: _Worker, what: str) -> str:
    """What happened, and the last lines that the process wrote, the only trace that it left."""
    lines: Iterator[str] = (line.strip() for line in worker.log.read_text(errors="replace").splitlines())
    return "\n  ".join([f"{what}; its last words:", *[line for line in lines if line][-8:]])
