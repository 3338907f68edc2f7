"""Images: where they come from, how they lie on every level, and the stream of crops."""
