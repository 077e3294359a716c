"""Models: loading, saving, prompts, scores and generators."""
