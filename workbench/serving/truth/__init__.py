"""Ground truth and feedback: what comes in after an answer, and how it is joined to the answers."""
