"""Doors that a timer or a delivery opens, one module each; each runs in any number of replicas."""
