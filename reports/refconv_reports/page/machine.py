"""A machine's part of the page. Nothing in it is from another machine."""

from __future__ import annotations

from collections.abc import Sequence

from refconv.problem import OPERATORS
from refconv_reports.page import duels, speeds
from refconv_reports.page.blocks import Cell, Code, Paragraph, Section, Table, Text, count, listed, slug
from refconv_reports.page.goals import goals
from refconv_reports.page.history import history
from refconv_reports.page.ratios import ratio_cell, ratios
from refconv_reports.page.roofline import roofline
from refconv_reports.page.schema import Bug, Certificate, Law, Layer, Simulator
from refconv_reports.page.stored import Run


def machine(runs: Sequence[Run]) -> Section:
    """The section. runs: of one machine, oldest first; each part is from the newest run that has it."""
    newest = runs[-1]
    key = slug(f"on {newest.machine.key}")
    parts: list[Section] = []
    for subject in duels.subjects(runs):
        run = duels.newest(runs, subject)
        assert run is not None
        blocks = [Paragraph(source(run)), *roofline(run, subject), *ratios(run, subject)]
        parts.append(Section(subject.title(run.machine), f"{key}-{subject.slug}", blocks))
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
    return run.machine.gpu or f"{run.machine.cpu}, {count(run.machine.cores, 'core')}"


def source(run: Run) -> Text:
    """Where a part's figures come from."""
    return ("Measured on ", run.day, " at commit ", Code(run.version), ": ", Code(run.path.name), ".")


def _about(run: Run) -> Text:
    """What it was measured with, and what the peaks are taken from."""
    about = run.machine
    parts = [f"{about.cpu}, {count(about.cores, 'core')}"] if about.gpu else []
    parts += [f"compute capability {about.compute_capability}"] if about.compute_capability else []
    if about.clocks_mhz:
        parts.append("clocks " + ", ".join(f"{name} {value:g} MHz" for name, value in about.clocks_mhz.items()))
    named = ("driver", "CUDA", "CuPy", "cuDNN", "PyTorch", "JAX", "NumPy", "refconv")
    values = (about.driver, about.cuda, about.cupy, about.cudnn, about.torch, about.jax, about.numpy, about.refconv)
    parts += [f"{name} {value}" for name, value in zip(named, values, strict=True) if value]
    source = (" The peaks are those of ", Code(about.peak_source), ".") if about.peak_source else ()
    note = f" {about.note[:1].upper()}{about.note[1:]}." if about.note else ""
    return (", ".join(parts) + ".", note, *source, " Figures of different machines are not compared.")


def glance(runs: Sequence[Run]) -> Table | None:
    """The machine's ratios to its first peer, one row a dtype, for the page's head."""
    rows: list[list[Cell]] = []
    named: list[str] = []
    for subject in duels.subjects(runs):
        run = duels.newest(runs, subject)
        assert run is not None
        for peer in duels.peers(run, subject)[:1]:
            found = duels.by_operator(duels.duels(duels.fastest(duels.own(run, subject)), run, peer))
            if not found:
                continue
            means = {operator: duels.means(some) for operator, some in found.items()}
            cells = [ratio_cell(got.mean if (got := means.get(operator)) else None) for operator in OPERATORS]
            layers = {duel.own.layer for some in found.values() for duel in some}
            about = [Cell(str(len(layers)), number=True), Cell(Code(peer)), Cell(run.day)]
            rows.append([Cell(subject.title(run.machine)), *cells, *about])
            named += [] if peer in named else [peer]
    if not rows:
        return None
    caption = f"{title_of(runs[-1])}: how many times as fast as {listed(named)}, geometric means over the layers"
    return Table(caption, ["precision", *OPERATORS, "layers", "peer", "measured"], rows)


def inventory(runs: Sequence[Run]) -> Text:
    """What is stored of a machine."""
    whats = (
        (len({layer.layer for run in runs for layer in run.of(Layer)}), "layer", "layers"),
        (len({law.law for run in runs for law in run.of(Law)}), "law", "laws"),
        (len({bug.bug for run in runs for bug in run.of(Bug)}), "planted bug", "planted bugs"),
    )
    stored = listed([count(many, *names) for many, *names in whats if many])
    of = f" of {stored}" if stored else ""
    return (f"{count(len(runs), 'run')}{of}, the newest from {runs[-1].day} at commit ", Code(runs[-1].version), ".")
