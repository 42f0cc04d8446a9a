"""Other people's convolutions, behind refconv's contract: one short module for each framework.

An adapter imports its framework when it is first asked to run, never before: what is registered can be listed where
nothing of it is installed. It changes layouts, says in ``supports`` which problems the framework takes *by its own
documentation*, and leaves the rest to the framework, called as its users call it.
"""
