"""What an extension looks like: each module is one file that adds one thing, and needs one line in `__main__.py`."""
