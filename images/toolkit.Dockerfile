# The command line, for boxes that something else started: it holds no engine's client. Nothing is fetched while this is built.
ARG BASE
FROM ${BASE}
COPY site-packages /opt/toolkit
ENV PYTHONPATH=/opt/toolkit PYTHONDONTWRITEBYTECODE=1 LANG=C.UTF-8 HOME=/tmp \
    XDG_CACHE_HOME=/cache TOOLKIT_ENGINE=attached
RUN python3 -m compileall -q /opt/toolkit && chmod -R a+rX /opt/toolkit && mkdir -p /work/runs /cache && chmod 1777 /cache
WORKDIR /work
USER 65534:65534
ENTRYPOINT ["python3", "-s", "-P", "-m", "toolkit.cli"]
