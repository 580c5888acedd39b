"""One notebook executed in a kernel of its own: conversation, limits, outputs, and how it ended."""
