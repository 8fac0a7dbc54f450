"""Whose face: galleries of known people, pairs, and groups of unknown faces; vectors come from `tasks/identify.py`."""
