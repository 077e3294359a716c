RUN = exec
RUN("x = 1")
