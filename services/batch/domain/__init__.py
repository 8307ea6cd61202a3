"""Pure rules: tiers, status, counters, the fold, scheduling, retries. No I/O, no protobuf, no asyncio."""
