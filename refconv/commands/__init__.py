"""The commands of ``refconv``, one module each: HELP, DESCRIPTION, ``add_arguments(parser)`` and ``run(options)``.

They are thin faces. Of this package only they know the other two, and import them when they run.
"""
