"""The benchmarks of layers: what `refconv bench` and ``python -m pytest --pyargs refconv_reports.bench`` run.

Data flows one way: `choose` names the cases; for each, `contest` certifies the result on exact operands, lets `timing`
collect durations on random data from rotated `buffers`, and adds the figures of `traffic`; pytest-benchmark keeps them,
and `results` reads them again.
"""
