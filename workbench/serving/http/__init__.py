"""HTTP: the application (ASGI), what guards it, and the server that carries it."""
