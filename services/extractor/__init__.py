"""The worker: claims a document, parses it in a cage, asks an engine, stores the result. It has no database."""
