"""Articles that belong together, in an order."""
