"""Protocols: from the bytes of a request to typed columns, and from an answer to bytes."""
