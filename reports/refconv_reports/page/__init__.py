"""The report: one HTML page, or Markdown, from stored JSON alone.

`schema` says what the JSON is, `stored` reads it, `duels` compares the times of one run, `report` gathers the sections
that the other modules make of `blocks`, and `render` writes them. Nothing here measures, and nothing compares figures
of different machines.
"""
