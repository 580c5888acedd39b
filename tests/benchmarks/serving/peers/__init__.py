"""What runs inside the peers' servers: plain scripts that import nothing of the tests.

``scorer.py`` is what all three have in common, the others are what each peer's documentation asks for.
Type checkers do not see the peers: they live in environments of their own.
"""
