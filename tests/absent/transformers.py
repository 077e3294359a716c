"""Stands in the way of transformers in the fast lane (`tests/conftest.py`): what needs it is marked `models`."""

raise ModuleNotFoundError("No module named 'transformers' in the fast lane: mark the test `models`", name="transformers")
