"""The demonstration: five organisations, real handwriting, one swarm."""
