"""Who may write here, and how they prove it: users, roles and scopes, sessions, API keys, second factors."""
