"""Engines, which start boxes: the Docker API, or boxes that something else has started."""
