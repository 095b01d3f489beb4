"""Facts to scores, purely (rules L). See README.md for what is here so far."""
