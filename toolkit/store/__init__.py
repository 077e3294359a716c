"""What is kept on disk: run folders and the cache."""
