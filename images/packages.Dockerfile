# What BigCodeBench's programs and tests import, on Debian 11 with Python 3.9. Nothing is fetched while this is built.
ARG BASE
FROM ${BASE}
COPY site-packages /box/site-packages
RUN chmod -R a+rX /box && (python3 -m compileall -q -j 2 /box/site-packages > /dev/null || true)
