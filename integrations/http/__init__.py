"""The one door to other people's servers: guarded addresses, limits, retries, and errors that repeat no secret."""
