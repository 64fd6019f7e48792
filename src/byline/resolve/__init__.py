"""What is at a path of the site: something published, the way to where it is now, or nothing any more."""
