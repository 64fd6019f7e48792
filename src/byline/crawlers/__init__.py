"""What search engines, language models and other sites read, but for feeds."""
