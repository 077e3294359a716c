"""What lies on disk: run folders and the cache."""
