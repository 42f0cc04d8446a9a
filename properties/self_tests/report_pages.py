"""Pages of ``refconv report``, and what their blocks say; for its tests. Needs the extra ``report``."""

import report_results as results

from refconv_reports.page import stored
from refconv_reports.page.blocks import Table, plain


def read(tmp_path, *files):
    """What is stored in files of this content."""
    return stored.read(results.write(tmp_path, {f"{number}.json": file for number, file in enumerate(files)}))


def every(page, kind):
    """All blocks of a kind, in the page's order."""
    sections = [part for section in page.sections for part in (section, *section.sections)]
    return [block for section in sections for block in section.blocks if isinstance(block, kind)]


def cells(table):
    """A table's text: its heads, then its rows."""
    return [[plain(head) for head in table.columns], *([plain(cell.text) for cell in row] for row in table.rows)]


def table(page, starts):
    """The text of the one table whose caption begins so."""
    [found] = [block for block in every(page, Table) if plain(block.caption).startswith(starts)]
    return cells(found)
