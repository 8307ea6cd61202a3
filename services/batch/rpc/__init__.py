"""Doors that a call opens, one module a method: each reads the call, acts and answers."""
