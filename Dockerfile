# syntax=docker/dockerfile:1
# Two images: `docker build --target cpu .` (the default) and `docker build --target cuda .`.
# What is installed is what requirements.lock says; the weights of nano are in, no others.

ARG PYTHON_VERSION=3.12

FROM python:${PYTHON_VERSION}-slim-bookworm AS build
WORKDIR /build
RUN python -m venv /opt/python \
    && /opt/python/bin/pip install --no-cache-dir --disable-pip-version-check uv==0.13.9
COPY pyproject.toml requirements.lock ./

# The dependencies are one layer, and the largest; it changes with the lock alone. Bytecode is made
# here: a container could not keep it, and would compile torch anew at each start, for seconds.
FROM build AS dependencies-cpu
# torch without CUDA, from the index that uv knows for it: 0.2 GB instead of 4. Empty takes torch
# from the same index as all else.
ARG TORCH_BACKEND=cpu
RUN /opt/python/bin/uv pip install --no-cache --compile-bytecode \
    ${TORCH_BACKEND:+--torch-backend "${TORCH_BACKEND}"} \
    --python /opt/python/bin/python --constraint requirements.lock --requirement pyproject.toml

FROM build AS dependencies-cuda
RUN /opt/python/bin/uv pip install --no-cache --compile-bytecode \
    --python /opt/python/bin/python --constraint requirements.lock --requirement pyproject.toml

FROM build AS source
COPY README.md LICENSE NOTICE ./
COPY core core
COPY worker worker
COPY labelstudio_backend labelstudio_backend
COPY training training
COPY esam esam
COPY weights/README.md weights/README.md
RUN /opt/python/bin/uv pip install --no-cache --no-deps --compile-bytecode \
    --python /opt/python/bin/python --target /opt/esam .
COPY weights/nano.safetensors /opt/esam/weights/nano.safetensors

FROM python:${PYTHON_VERSION}-slim-bookworm AS runtime
ENV PATH=/opt/esam/bin:/opt/python/bin:$PATH \
    PYTHONPATH=/opt/esam \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
RUN groupadd --gid 10001 esam \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent esam \
    && install --directory --owner esam --group esam /weights
USER 10001:10001
WORKDIR /tmp
EXPOSE 9090
ENTRYPOINT ["esam"]
CMD ["serve"]

FROM runtime AS cuda
COPY --from=dependencies-cuda /opt/python /opt/python
COPY --from=source /opt/esam /opt/esam

FROM runtime AS cpu
COPY --from=dependencies-cpu /opt/python /opt/python
COPY --from=source /opt/esam /opt/esam
