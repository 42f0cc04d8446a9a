"""`refconv kernels`: what to compile, what to compare with, what to print; the exit status."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from refconv_cuda import convolution, nvrtc
from refconv_cuda.kernel_report import choice, figures, survey, tables, verdict
from refconv_cuda.kernel_report.figures import Report


class UsageError(ValueError):
    """The command line asks for what cannot be; the message names the part that is wrong."""


def run(options: argparse.Namespace) -> int:
    """Runs the command; returns the exit status: 0 nothing is wrong, 1 something is, 2 it could not run."""
    try:
        if options.choose:
            return _choose(options)
        if options.dtype:
            raise UsageError("--dtype is for --choose")
        return _table(options) if options.table else _survey(options)
    except BrokenPipeError:
        raise
    except BrokenProcessPool:
        print(f"refconv kernels: NVRTC {nvrtc.release()} took its own process down", file=sys.stderr)
    except (nvrtc.NvrtcMissing, ValueError, OSError) as reason:
        print(f"refconv kernels: {reason}", file=sys.stderr)
    return 2


def _choose(options: argparse.Namespace) -> int:
    dtype = options.dtype or "float32"
    auto = convolution.auto
    if dtype not in auto.dtypes:
        raise UsageError(f"dtype {dtype} must be one of {', '.join(auto.dtypes)}")
    for line in choice.told(auto, options.choose, dtype):
        print(line)
    return 0


def _table(options: argparse.Namespace) -> int:
    reports = [figures.read(path) for path in options.table]
    reports.sort(key=lambda report: [int(part) for part in report.nvrtc.split(".")])
    for line in tables.side_by_side(reports):
        print(line)
    return 1 if any(verdict.faults(report) for report in reports) else 0


def _survey(options: argparse.Namespace) -> int:
    # What cannot be read is said before the minutes of compiling.
    before = figures.read(options.compare) if options.compare else None
    supported = nvrtc.architectures()
    if unknown := [name for name in options.arch if name not in supported]:
        raise UsageError(f"NVRTC {nvrtc.release()} knows no {', '.join(unknown)}, but {', '.join(supported)}")
    report = survey.survey(_sources(options), options.arch or supported, options.jobs, _progress)
    if not report.kernels:
        raise UsageError(f"{options.file} has no kernel but templates: --name 'kernel<float>' says which instance")
    for line in tables.detail(report):
        print(line)
    if options.json:
        report.write(options.json)
    worse = before is not None and _is_worse(before, report)
    return 1 if worse or verdict.faults(report) else 0


def _sources(options: argparse.Namespace) -> list[survey.Source]:
    path: Path | None = options.file
    if path is None:
        if options.name or options.option or options.threads or options.shared:
            raise UsageError("--name, --threads, --shared and --option are about a FILE.cu of yours")
        return survey.ours()
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    threads = options.threads or 128
    flags = tuple(options.option)
    if not any(flag.lstrip("-").startswith("std=") for flag in flags):
        flags = (*nvrtc.OPTIONS, *flags)
    instances = dict.fromkeys(options.name, threads)
    return [survey.Source(path.name, instances, threads, path.resolve(), flags, options.shared)]


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done} of {total} compiled", end="" if done < total else "\r\33[K", file=sys.stderr, flush=True)


def _is_worse(before: Report, after: Report) -> bool:
    found = verdict.compare(before, after)
    print(f"Compared with NVRTC {before.nvrtc}: {'worse' if found.worse else 'no worse'}")
    for text in found.worse:
        print(f"  worse: {text}")
    for text in found.notes:
        print(f"  {text}")
    return bool(found.worse)
