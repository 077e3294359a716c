"""One module per command: a function from `Settings` to an `Outcome`, without a terminal."""
