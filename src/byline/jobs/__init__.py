"""Looking after the queue that `core/jobs.py` fills: what failed is seen and run again, what is lost is taken back."""
