"""Engines: from pages of text to the values the owner asked for."""
