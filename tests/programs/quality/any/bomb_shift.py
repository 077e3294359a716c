X = 1 << (1 << 60)
print(X.bit_length())
