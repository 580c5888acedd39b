"""Answering: from decoded requests, put together, to answers that are on disk."""
