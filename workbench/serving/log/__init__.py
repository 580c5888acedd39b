"""The prediction log: every answer, durable before it leaves; read back for monitoring."""
