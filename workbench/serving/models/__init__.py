"""Models: loaded versions, what they look up, and who of them answers just now."""
