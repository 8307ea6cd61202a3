"""The schema's history; forward compatible, run by `python -m batch migrate`."""
