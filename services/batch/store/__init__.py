"""All SQL of the service: one named function per statement, one module per subject."""
