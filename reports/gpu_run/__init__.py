"""What `reports/on_gpu.py` runs on a GPU machine, in steps, each in a process and a time box of its own."""
