# The box that programs run in: Python, numpy, and the supervisor. Nothing is fetched while this is built.
ARG BASE
FROM ${BASE}
COPY site-packages /box/site-packages
COPY box /box
ENV PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/box/site-packages LANG=C.UTF-8 HOME=/tmp \
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
RUN python3 -m compileall -q /box && chmod -R a+rX /box
ENTRYPOINT ["python3", "-s", "-P", "/box/images/box/supervisor.py"]
