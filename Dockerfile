# Not tested with a container engine; the steps are those of `make demo`.
FROM python:3.12-slim AS build
WORKDIR /source
COPY pyproject.toml requirements.lock README.md LICENSE ./
RUN python -m venv /opt/okube && \
    /opt/okube/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY okube_api ./okube_api
RUN /opt/okube/bin/pip install --no-cache-dir --disable-pip-version-check --no-build-isolation --no-deps .

FROM python:3.12-slim
COPY --from=build /opt/okube /opt/okube
RUN useradd --system --create-home --home-dir /data okube
USER okube
WORKDIR /data
ENV PATH=/opt/okube/bin:$PATH \
    OKUBE_STORE_URL=duckdb:/data/okube.duckdb
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health/ready', timeout=2)"]
CMD ["okube-api", "serve", "--host", "0.0.0.0", "--port", "8000"]
