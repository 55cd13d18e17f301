"""Bringing lanes level: a plan of whole libraries, and who has got how far with it.

`plan` says what a plan is and what is asked. `planner` makes one of what is `packing`
the libraries, one `unit` of the same works after the other: what is `wanted` of each
item, and what is only `probable`. `levelling` carries one out, as `codec` stores it.
"""
