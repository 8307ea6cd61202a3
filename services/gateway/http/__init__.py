"""The HTTP doors of the gateway, one module per concern, and what they share."""
