"""The quorate protocol as pure functions and state machines: events in, effects out.

Nothing here does I/O, reads a clock or draws randomness. `PROTOCOL.md` numbers the rules;
the code cites them.
"""
