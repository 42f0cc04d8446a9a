"""How fast it is: `bench` measures, exactness first, and the results are kept as pytest-benchmark JSON."""
