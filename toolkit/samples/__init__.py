"""Files of samples and programs: how they are read, and what a row means."""
