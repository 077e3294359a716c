"""Training: its settings, its data and its loop."""
