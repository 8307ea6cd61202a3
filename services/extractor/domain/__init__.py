"""Pure rules of extraction: no I/O, no protobuf, no asyncio."""
