"""Stands in the way of torch in the fast lane (`tests/conftest.py`): what needs it is marked `models`."""

raise ModuleNotFoundError("No module named 'torch' in the fast lane: mark the test `models`", name="torch")
