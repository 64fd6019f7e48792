"""What readers search for: counted, without a word about who did."""
