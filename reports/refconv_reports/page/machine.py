"""A machine's part of the page. Nothing in it is from another machine."""

from __future__ import annotations

from collections.abc import Sequence

from refconv_reports.page import duels, speeds
from refconv_reports.page.blocks import Code, Paragraph, Section, Text, count, number, slug
from refconv_reports.page.goals import goals
from refconv_reports.page.history import history
from refconv_reports.page.ratios import ratios
from refconv_reports.page.roofline import roofline
from refconv_reports.page.stored import Bug, Certificate, Law, Run, Simulator


def machine(runs: Sequence[Run]) -> Section:
    """The section. runs: of one machine, oldest first; each part is from the newest run that has it."""
    newest = runs[-1]
    key = slug(newest.machine.machine)
    parts: list[Section] = []
    for dtype in dict.fromkeys(dtype for run in reversed(runs) for dtype in duels.dtypes(run)):
        run = duels.newest(runs, dtype)
        blocks = [Paragraph(source(run)), *roofline(run, dtype), *ratios(run, dtype)]
        parts.append(Section(dtype, f"{key}-{dtype}", blocks))
    for kind, title, blocks_of in (
        (Simulator, "The simulator", speeds.simulator),
        (Law, "The laws", speeds.laws),
        (Bug, "Planted bugs", speeds.bugs),
        (Certificate, "Certificates", speeds.certificates),
    ):
        having = [run for run in runs if run.of(kind)]
        if having and (found := blocks_of(having[-1])):
            parts.append(Section(title, f"{key}-{slug(title)}", [Paragraph(source(having[-1])), *found]))
    parts.append(Section("History", f"{key}-history", history(runs)))
    blocks = [Paragraph(_about(newest)), *goals(runs), *(Paragraph(note) for run in runs[-1:] for note in run.notes)]
    return Section(title_of(newest), key, blocks, parts)


def title_of(run: Run) -> str:
    """The machine's name in full."""
    return run.machine.gpu or run.machine.cpu


def source(run: Run) -> Text:
    """Where a part's figures come from."""
    return ("Measured on ", run.day, " at commit ", Code(run.version), ": ", Code(run.path.name), ".")


def _about(run: Run) -> str:
    about = run.machine
    parts = [about.cpu if about.gpu else "", count(about.cores, "core")]
    parts += [f"compute capability {about.compute_capability}"] if about.compute_capability else []
    if about.clocks_mhz:
        parts.append("clocks " + ", ".join(f"{name} {value:g} MHz" for name, value in about.clocks_mhz.items()))
    named = ("driver", "CUDA", "CuPy", "cuDNN", "PyTorch", "NumPy", "refconv")
    values = (about.driver, about.cuda, about.cupy, about.cudnn, about.torch, about.numpy, about.refconv)
    parts += [f"{name} {value}" for name, value in zip(named, values, strict=True) if value]
    return ", ".join(part for part in parts if part) + ". Figures of different machines are not compared."


def headline(runs: Sequence[Run]) -> Text:
    """The machine in a sentence, for the page's head."""
    told = []
    for dtype in dict.fromkeys(dtype for run in reversed(runs) for dtype in duels.dtypes(run)):
        run = duels.newest(runs, dtype)
        for peer in duels.peers(run, dtype)[:1]:
            found = duels.by_operator(duels.duels(duels.fastest(duels.own(run, dtype)), run, peer))
            each = [f"{operator} {number(got.mean)}" for operator, some in found.items() if (got := duels.means(some))]
            if each:
                told.append(f"{dtype} {', '.join(each)} of {peer}")
    if told:
        return f"In the geometric mean over the layers, the speed is: {'; '.join(told)}."
    return "No layers are timed yet."
