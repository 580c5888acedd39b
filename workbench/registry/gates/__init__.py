"""Gates: what a candidate has to show before it may become champion."""
