"""HTTP and gRPC uploads in, streamed to the object store. It has no rules and no database."""
