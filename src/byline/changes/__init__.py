"""What happened, in order: every event for the desk; for readers, what came, changed and went, asked for or sent."""
