# Built with `buildah bud` from a root of debian:trixie that debootstrap made, and run as described in docs/install.md.
# Size: docs/decisions/0030-image-size.md. Built on amd64; nothing in it is for one architecture.
FROM debian:trixie-slim AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update && \
    apt-get install --yes --no-install-recommends binutils python3 python3-venv
WORKDIR /source
COPY pyproject.toml requirements.lock README.md LICENSE ./
RUN python3 -m venv /opt/okube && \
    /opt/okube/bin/pip install --no-cache-dir --no-compile --disable-pip-version-check --require-hashes \
        --requirement requirements.lock
COPY okube_api ./okube_api
COPY deploy/docker ./deploy/docker
# Files that the server never reads are removed. The smoke test then uses all that is compiled, so that a step that
# removes too much ends the build.
RUN /opt/okube/bin/pip install --no-cache-dir --no-compile --disable-pip-version-check --no-build-isolation --no-deps . && \
    /opt/okube/bin/python deploy/docker/trim.py /opt/okube && \
    /opt/okube/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/okube/lib && \
    /opt/okube/bin/python -B deploy/docker/smoke.py

FROM debian:trixie-slim
LABEL org.opencontainers.image.title="okube-api" \
      org.opencontainers.image.description="Drive-to-store analytics: a REST API server and its explorer" \
      org.opencontainers.image.licenses="Apache-2.0"
# hadolint ignore=DL3008
RUN apt-get update && \
    apt-get install --yes --no-install-recommends python3 && \
    apt-get clean && \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/log/* && \
    useradd --uid 10001 --user-group --no-log-init --no-create-home --home-dir /data --shell /usr/sbin/nologin okube && \
    install --directory --owner okube --group okube --mode 0700 /data
COPY --from=build /opt/okube /opt/okube
# By number, so that engines can tell that it is not root. A new volume takes over the owner of /data.
USER 10001:10001
WORKDIR /data
# Temporary files can be as large as an upload or a backup, and /tmp is mostly in memory.
ENV PATH=/opt/okube/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TMPDIR=/data \
    OKUBE_STORE_URL=duckdb:/data/okube.duckdb
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
# Engines may pass on the proxy of the machine, which must not be asked.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "from urllib.request import ProxyHandler, build_opener; \
        build_opener(ProxyHandler({})).open('http://127.0.0.1:8000/health/ready', timeout=2)"]
CMD ["okube-api", "serve", "--host", "0.0.0.0", "--port", "8000"]
