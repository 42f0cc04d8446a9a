"""``python -m refconv``: the command line, where it is not installed as a script."""

from refconv.cli import main

raise SystemExit(main())
