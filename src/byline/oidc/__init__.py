"""Signing in by OpenID Connect: providers that the operator has configured say who somebody is."""
