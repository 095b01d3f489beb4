"""One instance of agreement: Tendermint's rules as a state machine without I/O (rules A)."""
