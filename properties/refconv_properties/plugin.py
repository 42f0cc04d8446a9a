"""The pytest plugin: options, what is under test, and a table of laws at the end.

It is loaded in every pytest run where refconv is installed, so it imports little, and does nothing unless laws are
collected.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from hypothesis.database import ExampleDatabase

    from refconv.problem import Problem
    from refconv_properties.channel import Channel
    from refconv_properties.laws import Law
    from refconv_properties.replay import Entry
    from refconv_properties.report import Result, Run
    from refconv_properties.search import Example, Plan
    from refconv_properties.subject import Subject

# auto hands each problem to one of the other kernels, and has all of them for variants; name one to test it alone.
OURS = ("im2col", "auto")
TIME_LIMIT = 10.0

_IMPL: dict[str, Any] = {"action": "append", "default": [], "metavar": "NAME|MODULE:OBJ|FILE.py:OBJ"}
_DTYPE = "test in this format; may be repeated (default: float32 and float64 where it takes them, or else all it takes)"
_DEVICE: dict[str, Any] = {"choices": ("auto", "gpu", "simulator"), "default": "auto"}

_seed = pytest.StashKey[int]()
_replayed = pytest.StashKey["list[Entry]"]()
_subjects = pytest.StashKey["list[Subject]"]()
_channel = pytest.StashKey["Channel | None"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of `refconv check`, as pytest has them."""
    group = parser.getgroup("refconv", "laws of convolution")
    add = group.addoption
    add("--conv-impl", **_IMPL, help="what to test, also --impl; may be repeated (default: refconv's CUDA kernels)")
    add("--conv-device", **_DEVICE, help="where CUDA kernels run, also --device")
    add("--conv-dtype", action="append", default=[], metavar="DTYPE", help=_DTYPE)
    add("--conv-law", action="append", default=[], metavar="NAME", help="test this law; may be repeated")
    add("--conv-problem", action="append", default=[], metavar="PROBLEM", help="test on this problem only")
    add("--conv-profile", choices=("quick", "ci", "thorough"), default="quick", help="how many examples for each law")
    add("--conv-examples", type=int, default=None, metavar="N", help="examples for each law, whatever the profile says")
    add("--conv-seed", type=int, default=None, metavar="N", help="what the search is drawn from (default: at random)")
    add("--conv-time-limit", type=float, default=TIME_LIMIT, metavar="SECONDS", help="for one call of an operator")
    add("--conv-json", default=None, metavar="FILE", help="write a report")
    add("--conv-coverage", action="store_true", help="print how many examples lay in each geometry cell")
    add("--conv-replay", default=None, metavar="FILE", help="try the counterexamples of an earlier report again")
    add(
        "--conv-database",
        default=None,
        metavar="FOLDER|redis://HOST|none",
        help="where failures are kept from run to run (default: where Hypothesis keeps them)",
    )
    add("--conv-channel", default=None, help="where `refconv check` listens; for its own use")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(parser: pytest.Parser, args: list[str]) -> None:
    """Takes --impl and --device for short, where the suite is run.

    Only there: this plugin is loaded in every project, and one with an option of that name could not register it.
    """
    if any("refconv_properties" in argument for argument in args):
        for name, options in (("impl", _IMPL), ("device", _DEVICE)):
            if any(argument.split("=")[0] == f"--{name}" for argument in args):
                parser.getgroup("refconv").addoption(f"--{name}", dest=f"conv_{name}", **options)


def pytest_configure(config: pytest.Config) -> None:
    """Fixes the seed before xdist starts its workers, so that all of them have the same."""
    given = config.getoption("--conv-seed")
    worker_input = getattr(config, "workerinput", None)
    if given is not None:
        config.stash[_seed] = given
    elif worker_input is not None:
        config.stash[_seed] = worker_input["refconv_seed"]
    else:
        config.stash[_seed] = secrets.randbelow(2**32)
    _refuse_wrong_options(config)
    if worker_input is None:
        config.pluginmanager.register(_Reporter(config), "refconv-reporter")


def _refuse_wrong_options(config: pytest.Config) -> None:
    """Raises ``pytest.UsageError`` for options that mean nothing, before anything is collected."""
    option = config.getoption
    if option("--conv-examples") is not None and option("--conv-examples") < 1:
        raise pytest.UsageError(f"--conv-examples = {option('--conv-examples')} must be at least 1")
    _problems(config)
    _entries(config)
    if option("--conv-database"):
        _database(config)
    if option("--conv-law"):
        from refconv_properties.laws import catalogue

        for name in option("--conv-law"):
            if name not in catalogue():
                raise pytest.UsageError(f"law {name!r} must be one of {', '.join(catalogue())}")
    if option("--conv-impl") or option("--conv-replay"):
        _subjects_under_test(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tells an xdist worker the seed."""
    node.workerinput["refconv_seed"] = node.config.stash[_seed]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each law is tested on each implementation in each format."""
    if "refconv_subject" in metafunc.fixturenames:
        subjects = _subjects_under_test(metafunc.config)
        names = [f"{s.implementation.name}-{s.implementation.device}-{s.format}" for s in subjects]
        metafunc.parametrize("refconv_subject", subjects, ids=names)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keeps the laws that were asked for, or that the replayed examples are of."""
    wanted = config.getoption("--conv-law")
    replayed = _entries(config)
    if wanted or replayed:
        kept = [
            item
            for item in items
            if (law := _law_of(item)) is None
            or ((not wanted or law.name in wanted) and (not replayed or _examples(config, law, _subject_of(item))))
        ]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept
    channel = _open_channel(config)
    if channel is not None:
        channel.collected(
            {item.nodeid: (_run_of(item), law.name) for item in items if (law := _law_of(item)) is not None}
        )


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Under `refconv check` several processes share the laws; each runs those that it is the first to claim."""
    channel = _open_channel(session.config)
    if channel is None:
        return None
    for item in session.items:
        # Which test comes next is not known before it is claimed, so each is torn down for good.
        if channel.claim(item.nodeid):
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
    return True


@pytest.fixture
def refconv_search(request: pytest.FixtureRequest) -> Callable[[Law, Subject], None]:
    """Runs a law on a subject; fails or skips the test accordingly."""
    from refconv_properties.report import Result, Run, counterexample_text
    from refconv_properties.search import Searching

    def search(law: Law, conv: Subject) -> None:
        channel = _open_channel(request.config)
        run = Run.of(conv.implementation, conv.format.name)
        searching = Searching(law, conv, _plan(request.config, law, conv))
        if channel is not None:
            channel.watch(request.node.nodeid, searching)
        result = Result(run, searching.run())
        if channel is not None:
            channel.finished(request.node.nodeid, result)
        request.node.user_properties.append(("refconv", result.dumps()))
        if result.outcome.verdict == "broken":
            pytest.fail(counterexample_text(result), pytrace=False)
        if result.outcome.verdict in ("skipped", "vacuous"):
            pytest.skip(result.outcome.reason or "")

    return search


@pytest.fixture
def sanitizer() -> Callable[..., None]:
    """Runs a launch on the simulator under many schedules, checked: ``sanitizer(launch, schedules=50, seed=0)``.

    ``launch(simulator)`` gets `refconv_cuda.simulator` in CuPy's place and returns the arrays that count. The test
    fails with the first thing that is wrong: see `refconv_cuda.simulator.sanitize`.
    """
    from refconv_cuda.simulator import sanitize

    def run(launch: sanitize.Launch, *, schedules: int = 50, seed: int = 0) -> None:
        sanitize.sanitize(launch, sanitize.schedules(schedules, seed))

    return run


def pytest_report_header(config: pytest.Config) -> str | None:
    """What is under test, if anything was asked to be."""
    if not config.getoption("--conv-impl"):
        return None
    what = ", ".join(config.getoption("--conv-impl"))
    return f"refconv: {what} on device {config.getoption('--conv-device')}, seed {config.stash[_seed]}"


class _Reporter:
    """Collects what the laws' tests say, also from xdist's workers, and reports it at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._results: list[Result] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Takes the result that a law's test has attached to its report."""
        if report.when == "call":
            from refconv_properties.report import Result

            texts = [str(value) for name, value in report.user_properties if name == "refconv"]
            self._results += [Result.loads(text) for text in texts]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The table of laws."""
        if not self._results:
            return
        from refconv_properties.report import rendered

        width = max(shutil.get_terminal_size().columns, 80)
        terminalreporter.section("laws of convolution")
        coverage = self._config.getoption("--conv-coverage")
        text = rendered(self._results, width=width, colour=terminalreporter.hasmarkup, coverage=coverage)
        terminalreporter.write_line(text)
        terminalreporter.write_line(f"seed {self._config.stash[_seed]} (--conv-seed)")

    def pytest_sessionfinish(self) -> None:
        """Writes the JSON report."""
        file = self._config.getoption("--conv-json")
        if file is not None:
            from refconv_properties.report import as_json

            report = as_json(self._results, seed=self._config.stash[_seed])
            Path(file).write_text(json.dumps(report, indent=1) + "\n")


def _subjects_under_test(config: pytest.Config) -> list[Subject]:
    """Each implementation in each format asked for. Raises ``pytest.UsageError`` for one that cannot be had."""
    if _subjects in config.stash:
        return config.stash[_subjects]
    from refconv.implementation import ImplementationError, load
    from refconv_properties.subject import Subject

    subjects = []
    try:
        entries = _entries(config)
        earlier = list(dict.fromkeys(entry.spec for entry in entries))
        for spec in config.getoption("--conv-impl") or earlier or OURS:
            implementation = load(spec, config.getoption("--conv-device"))
            recorded = dict.fromkeys(entry.dtype for entry in entries if entry.dtype in implementation.dtypes)
            for dtype in config.getoption("--conv-dtype") or recorded or implementation.usual:
                subjects.append(Subject(*implementation.chosen(dtype), config.getoption("--conv-time-limit")))
    except ImplementationError as error:
        _refuse(config, str(error))
    config.stash[_subjects] = subjects
    return subjects


def _plan(config: pytest.Config, law: Law, conv: Subject) -> Plan:
    from refconv_properties.search import PROFILES, Plan

    examples = config.getoption("--conv-examples") or PROFILES[config.getoption("--conv-profile")]
    return Plan(examples, config.stash[_seed], _examples(config, law, conv), _database(config))


def _examples(config: pytest.Config, law: Law, conv: Subject) -> list[Example]:
    """The only ones to try: the problems that were asked for, or the earlier counterexamples."""
    from refconv_properties.search import SEEDS

    seeds = SEEDS if config.getoption("--conv-seed") is None else (config.stash[_seed],)
    asked: list[Example] = [(problem, seed) for problem in _problems(config) for seed in seeds]
    any_implementation = bool(config.getoption("--conv-impl"))
    return asked + [
        entry.example
        for entry in _entries(config)
        if (entry.law, entry.dtype) == (law.name, conv.format.name)
        and (any_implementation or entry.spec == conv.implementation.spec)
    ]


def _problems(config: pytest.Config) -> list[Problem]:
    if not config.getoption("--conv-problem"):
        return []
    from refconv.problem import Problem

    try:
        return [Problem.parse(text) for text in config.getoption("--conv-problem")]
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error


def _entries(config: pytest.Config) -> list[Entry]:
    """The counterexamples to replay."""
    if _replayed not in config.stash:
        file = config.getoption("--conv-replay")
        config.stash[_replayed] = []
        if file is not None:
            from refconv_properties.replay import CannotReplay, read

            try:
                config.stash[_replayed] = read(Path(file))
            except CannotReplay as error:
                _refuse(config, str(error))
    return config.stash[_replayed]


def _database(config: pytest.Config) -> ExampleDatabase | None:
    """Where failures are kept; asked when a law runs, for the default is Hypothesis's."""
    where = config.getoption("--conv-database")
    if where is None:
        from hypothesis import settings

        return settings().database
    from refconv_properties.database import NoDatabase, opened

    try:
        return opened(where)
    except NoDatabase as error:
        _refuse(config, str(error))


def _refuse(config: pytest.Config, message: str) -> NoReturn:
    channel = _open_channel(config)
    if channel is not None:
        channel.error(message)
    raise pytest.UsageError(message)


def _open_channel(config: pytest.Config) -> Channel | None:
    if _channel not in config.stash:
        folder = config.getoption("--conv-channel")
        if folder is None:
            config.stash[_channel] = None
        else:
            from refconv_properties.channel import Channel

            config.stash[_channel] = Channel(Path(folder))
    return config.stash[_channel]


def _law_of(item: pytest.Item) -> Law | None:
    return getattr(getattr(item, "function", None), "law", None)


def _subject_of(item: pytest.Item) -> Subject:
    subject: Subject = item.callspec.params["refconv_subject"]  # type: ignore[attr-defined]
    return subject


def _run_of(item: pytest.Item) -> Run:
    from refconv_properties.report import Run

    subject = _subject_of(item)
    return Run.of(subject.implementation, subject.format.name)
