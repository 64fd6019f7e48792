"""Who stands over an article. An author need not be a user: an import makes authors without logins."""
