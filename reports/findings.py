"""The suite on released frameworks: runs it, finds out which known fault broke a law, and writes docs/findings.md.

    python reports/findings.py                    # all of them, in this environment: pip install -e '.[dev,frameworks]'
    python reports/findings.py jax onnxruntime    # these anew; the others as reports/findings.json has them
    python reports/findings.py --law locality     # this law anew, for all
    python reports/findings.py --page             # only the page

A law that is broken is tried again with the fault that broke it set aside, until it holds, or is broken by something
that no known fault explains; then the exit status is 1. An older onnx, known to be wrong, gets an environment of its
own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from faults import FAULTS, Fault

from refconv.problem import Problem

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "reports" / "findings.json"
PAGE = ROOT / "docs" / "findings.md"
LATE = "did not return within"


@dataclass(frozen=True)
class Release:
    """An implementation, and how it is tried.

    examples: that a law is to get. dtypes: all of its own if empty. requirement: another release of its framework than
    is installed here.
    """

    implementation: str
    examples: int = 100
    dtypes: tuple[str, ...] = ()
    requirement: str = ""

    @property
    def key(self) -> str:
        return f"{self.implementation} {self.requirement}".strip()


RELEASES = (
    Release("torch"),
    Release("torch-channels-last"),
    Release("torch-nn-grad"),
    Release("torch-cudnn"),
    Release("jax", 40),  # it compiles for each new problem, as do Keras on it, and tinygrad, for seconds
    Release("keras", 15),
    Release("onnx-reference"),
    Release("onnx-reference-same", 30),  # nine of ten drawn problems have another padding
    Release("onnx-reference-same", 30, requirement="onnx==1.20.1"),
    Release("onnxruntime"),
    Release("onnxruntime-same", 30),
    Release("scipy"),
    Release("tinygrad", 4, ("float32",)),
)


def main() -> int:
    """Runs what was asked for, and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("implementations", nargs="*", metavar="NAME")
    parser.add_argument("--law", action="append", default=[], metavar="NAME", help="only this law; may be repeated")
    parser.add_argument("--page", action="store_true", help="run nothing, write the page")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--examples", type=int, default=100, help="at most so many for each law (default 100)")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for release in () if options.page else RELEASES:
        if not options.implementations or release.implementation in options.implementations:
            print(f"{release.key} ...", file=sys.stderr, flush=True)
            fewer = replace(release, examples=min(release.examples, options.examples))
            anew = examined(fewer, options.seed, options.jobs, options.law)
            results[release.key] = _merged(results.get(release.key, {}), anew) if options.law else anew
            # As one goes: a run of all takes half an hour.
            RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(results), encoding="utf-8")
    unexplained = [law["unexplained"] for result in results.values() for law in result.get("laws", ())]
    return 1 if any(told is not None and LATE not in told["sentence"] for told in unexplained) else 0


# -- running ---------------------------------------------------------------------------------------


def examined(release: Release, seed: int, jobs: int, wanted: Sequence[str] = ()) -> dict[str, Any]:
    """What the suite says of a release, each broken law with what broke it. wanted: these laws, or all."""
    with tempfile.TemporaryDirectory() as folder:
        python = _environment(release.requirement, Path(folder)) if release.requirement else Path(sys.executable)
        described = _described(python, release)
        if "unavailable" in described:
            return described
        laws: dict[tuple[str, str], dict[str, Any]] = {}
        faults: list[Fault] = []
        pending = set(wanted)
        while not laws or pending:
            pending = _round(python, release, seed, jobs, laws, faults, pending)
        scripts = [fault for fault in FAULTS.values() if release.implementation == fault.implementations[0]]
        shown = {fault.script: _shown(python, fault) for fault in scripts}
    return {**described, "laws": [*laws.values()], "faults": shown}


def _merged(before: dict[str, Any], anew: dict[str, Any]) -> dict[str, Any]:
    """Earlier results, with those of the laws that were tried anew in their places."""
    laws = {(law["dtype"], law["law"]): law for law in (*before.get("laws", ()), *anew.get("laws", ()))}
    return {**anew, "laws": [*laws.values()]} if "laws" in anew else anew


def _round(
    python: Path,
    release: Release,
    seed: int,
    jobs: int,
    laws: dict[tuple[str, str], dict[str, Any]],
    faults: list[Fault],
    pending: set[str],
) -> set[str]:
    """Tries the pending laws, or at first all, the faults set aside; returns those that a new fault broke."""
    broken_anew: set[str] = set()
    aside = [*faults]
    for run in _checked(python, release, seed, jobs, aside, sorted(pending))["runs"]:
        for law in run["laws"]:
            known = laws.setdefault(
                (run["dtype"], law["law"]),
                {
                    "law": law["law"],
                    "dtype": run["dtype"],
                    "verdict": law["verdict"],
                    "reason": law["reason"],
                    "broken_by": [],
                    "unexplained": None,
                },
            )
            if aside and known["verdict"] != "broken":
                continue
            known["examples"] = law["examples"]
            found = law["counterexample"]
            if found is None:
                continue
            sentence, problem = "; ".join(found["explanation"]), Problem.parse(found["problem"])
            causes = [f for f in FAULTS.values() if f.explains(release.implementation, problem, sentence)]
            told = {"problem": found["problem"], "seed": found["seed"], "sentence": found["explanation"][0]}
            if not causes:
                known["unexplained"] = told
                continue
            known["broken_by"].append({"fault": causes[0].script, **told})
            broken_anew.add(law["law"])
            if causes[0] not in faults:
                faults.append(causes[0])
    return broken_anew if faults != aside else set()


def _checked(
    python: Path, release: Release, seed: int, jobs: int, faults: list[Fault], laws: list[str]
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        spec, environment = release.implementation, dict(os.environ)
        if faults:
            spec = f"{ROOT / 'reports' / 'set_aside.py'}:conv"
            environment |= {
                "SET_ASIDE_OF": release.implementation,
                "SET_ASIDE": ",".join(fault.script for fault in faults),
            }
        report = Path(folder, "report.json")
        command = [str(python.parent / "refconv"), "check", "--impl", spec, "--json", str(report), "--seed", str(seed)]
        command += ["--examples", str(release.examples), "--jobs", str(jobs), "--time-limit", "120"]
        command += ["--database", "none"]  # nothing but the seed decides what is found
        command += [word for law in laws for word in ("--law", law)]
        command += [word for dtype in release.dtypes for word in ("--dtype", dtype)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if not report.exists():
            raise SystemExit(f"{release.key}: {done.stdout}{done.stderr}")
        written: dict[str, Any] = json.loads(report.read_text())
        return written


def _described(python: Path, release: Release) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "implementations.json")
        command = [str(python.parent / "refconv"), "implementations", "--json", str(file)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        [row] = [
            row
            for row in json.loads(file.read_text())["implementations"]
            if row["implementation"] == release.implementation
        ]
    described: dict[str, Any] = row
    return described


def _environment(requirement: str, folder: Path) -> Path:
    """A Python with refconv and another release."""
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-qq", f"{ROOT}[test]", requirement], check=True)
    return python


def _shown(python: Path, fault: Fault) -> dict[str, Any]:
    done = subprocess.run([python, str(fault.path)], capture_output=True, text=True, check=False)
    return {"there": done.returncode != 0, "output": done.stdout.strip() or done.stderr.strip().splitlines()[-1]}


# -- the page --------------------------------------------------------------------------------------


def page(results: dict[str, Any]) -> str:
    """docs/findings.md."""
    parts = [INTRODUCTION, _table(results)]
    found = [fault for fault in FAULTS.values() if any(_broken_by(result, fault) for result in results.values())]
    parts += ["## What is wrong", *[_fault(fault, results) for fault in found]]
    unexplained = [
        f"- `{result['implementation']}` {result['version']}, {law['dtype']}, {law['law']}, on "
        f"`{law['unexplained']['problem']}`: {_escaped(law['unexplained']['sentence'])}"
        for result in results.values()
        for law in result.get("laws", ())
        if law["unexplained"]
    ]
    late = [line for line in unexplained if LATE in line]
    unexplained = [line for line in unexplained if LATE not in line]
    if unexplained:
        parts += ["## Not explained yet", "\n".join(unexplained)]
    if late:
        parts += ["## Not done in time", LATE_NOTE, "\n".join(late)]
    return "\n\n".join([*parts, NO_FAULTS]) + "\n"


def _table(results: dict[str, Any]) -> str:
    rows = [
        "| implementation | release | dtypes | operators | laws held | broken | not applicable | examples |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for release in RELEASES:
        result = results.get(release.key)
        if result is None:
            continue
        if "unavailable" in result:
            rows.append(
                f"| `{release.implementation}` | - | - | unavailable: {result['unavailable']} | - | - | - | - |"
            )
            continue
        verdicts: dict[str, set[str]] = {}
        for law in result["laws"]:
            verdicts.setdefault(law["law"], set()).add(law["verdict"])
        broken = [law for law, words in verdicts.items() if "broken" in words]
        held = [law for law, words in verdicts.items() if "held" in words and law not in broken]
        others = [
            f"{law} (vacuous)" if "vacuous" in words else law
            for law, words in verdicts.items()
            if law not in broken and law not in held
        ]
        rows.append(
            f"| `{release.implementation}` | {_framework(release.implementation)} {result['version']} "
            f"| {', '.join(dict.fromkeys(law['dtype'] for law in result['laws']))} | {', '.join(result['operators'])} "
            f"| {len(held)} | {', '.join(broken) or 'none'} | {', '.join(others) or 'none'} "
            f"| {sum(law['examples'] for law in result['laws'])} |"
        )
    return "\n".join(rows)


def _fault(fault: Fault, results: dict[str, Any]) -> str:
    lines = [f"### {fault.title}", "", fault.note, ""]
    for result in results.values():
        broken = _broken_by(result, fault)
        if not broken:
            continue
        smallest = min(broken, key=_size)
        laws = ", ".join(dict.fromkeys(cause["law"] for cause in broken))
        lines += [
            f"`{result['implementation']}`, {_framework(result['implementation'])} {result['version']}. Laws: {laws}. "
            f"The smallest problem, `{smallest['problem']}`, under {smallest['law']}: {_escaped(smallest['sentence'])}",
            "",
        ]
    lines += [f"Without refconv ([`{fault.path.name}`](../reports/faults/{fault.path.name})):", "", "```console"]
    outputs = [
        result["faults"][fault.script]["output"]
        for result in results.values()
        if fault.script in result.get("faults", {})
    ]
    return "\n".join([*lines, f"$ python reports/faults/{fault.path.name}", *outputs, "```"])


def _size(cause: dict[str, Any]) -> tuple[bool, int, str]:
    """How much work a counterexample is by hand; an empty batch, on which there is none, comes last."""
    work = Problem.parse(cause["problem"]).multiplications
    return work == 0, work, cause["problem"]


def _broken_by(result: dict[str, Any], fault: Fault) -> list[dict[str, Any]]:
    return [
        {**cause, "law": law["law"]}
        for law in result.get("laws", ())
        for cause in law["broken_by"]
        if cause["fault"] == fault.script
    ]


def _framework(implementation: str) -> str:
    from refconv.implementation import registered

    name: str = registered()[implementation].load().framework.name
    return name


def _escaped(sentence: str) -> str:
    return sentence.replace("|", "\\|").replace("<", "\\<").replace("*", "\\*").replace("_", "\\_")


INTRODUCTION = """# What the suite finds in released frameworks

Made by `python reports/findings.py`, from [`reports/findings.json`](../reports/findings.json), on a CPU. Each
implementation is an adapter of refconv's, registered by this name: `refconv check --impl jax`. Every law is tried on
named problems and on drawn ones, in each dtype. A law that is broken is tried again with the fault that broke it set
aside, so that one fault does not hide another: **with the faults below set aside every law that applies holds**, unless
the page says otherwise."""

LATE_NOTE = "A call took more than two minutes. That breaks no formula, but nobody would wait for it."

NO_FAULTS = """## What is no fault

What a framework documents is taken at its word, and is not reported:

- cuDNN may use TF32 and may add in another order each time; `torch-cudnn` turns both off while it calls.
- Keras takes no stride together with a dilation, ONNX Runtime no dilation together with `auto_pad`: `supports` says so.
- PyTorch pads both sides of an axis alike, Keras not at all, SciPy knows neither stride nor dilation: the adapters pad
  and slice as the users of these do.
- ONNX has no operator for dW, and Keras leaves gradients to its backend: not offered.
- Where a NaN or an infinity in W meets the padding, or in G a zero that a stride put in, an explicit zero may make it a
  NaN of the result. Between the taps of a dilated kernel, or in another group, the formula has no term at all."""


if __name__ == "__main__":
    sys.exit(main())
