"""The new orders service: clean JSON and a WebSocket feed over a store of its own, and the old contract beside it."""
