"""The sample pile: invented companies, real formats, known truth."""
