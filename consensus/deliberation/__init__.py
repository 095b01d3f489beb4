"""One task's rounds, seen by one member: a table of phases and one handler an event (rules R).

`task` takes events in and hands effects out; `phases` is the table; `desk` does the member's
own work and `scribe` signs it; `round` holds what has come in; `deciding` drives the three
points, whose values `points` and `outcome` build and check.
"""
