pairs = 5
