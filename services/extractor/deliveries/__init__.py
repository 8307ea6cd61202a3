"""The doors of the worker that the broker knocks at: one module for each kind of message."""
