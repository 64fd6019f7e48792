"""Personal data: all that is kept of somebody, handed over as one document, or erased."""
