"""What the doors of the worker share: jobs, claims, leases, the line of life, and the run of one attempt."""
