"""The HTTP doors: one module per concern; none knows another."""
