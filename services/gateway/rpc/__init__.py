"""The gRPC doors of the gateway."""
