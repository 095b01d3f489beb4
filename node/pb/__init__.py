"""Generated from proto/ by `make proto`; only node/wire reads it."""
