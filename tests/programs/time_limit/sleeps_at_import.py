import time

while True:
    time.sleep(1)
pairs = None
