"""What feed readers read: RSS 2.0, Atom and JSON Feed, of the site, of a tag and of an author."""
