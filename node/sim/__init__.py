"""The in-memory swarm: the real core under a virtual clock and a seeded network.

No sockets, no threads, no wall clock. What is real: every rule of `consensus`, its bytes and
its ids. What is simulated: the network, time, storage, models, and signatures (a keyed hash
that only the simulation's key ring can make or check).
"""
