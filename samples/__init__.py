"""The sample pile, the demo that submits it, and the score of its results."""
