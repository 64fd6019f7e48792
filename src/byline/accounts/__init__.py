"""Who may write here: users, their sessions, and the scopes that a session carries."""
