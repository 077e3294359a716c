# The box that lints programs: the run box's supervisor, with pylint, radon and ruff. Nothing is fetched while this is built.
ARG BASE
FROM ${BASE}
COPY site-packages /box/site-packages
COPY box /box
ENV PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/box/site-packages LANG=C.UTF-8 HOME=/tmp
RUN python3 -m compileall -q /box && chmod -R a+rX /box && chmod a+x /box/site-packages/ruff-*.data/scripts/ruff
ENTRYPOINT ["python3", "-s", "-P", "/box/images/box/supervisor.py"]
