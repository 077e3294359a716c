"""Numbers about verdicts and texts: no file, no box, no model."""
