"""What `import toolkit` gives: functions and classes for notebooks and training loops, without files or a terminal."""
