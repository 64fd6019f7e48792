"""What a person does by a link in a mail: accept an invitation, reset a password, change an e-mail address."""
