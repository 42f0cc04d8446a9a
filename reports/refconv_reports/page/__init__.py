"""The report: one HTML page, or Markdown, from stored JSON alone.

`stored` reads the JSON, `duels` compares the times of one run, each `*_section` module makes a section of `blocks`, and
`render` writes them. Nothing here measures, and nothing compares figures of different machines.
"""
