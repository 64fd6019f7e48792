# Byline for a server with a PostgreSQL of its own; the embedded one is left out. docker-compose.yml shows it at work.

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements/build.lock requirements/server.lock requirements/
# Wheels only: no dependency runs code of its own while the image is built.
RUN python -m venv /opt/byline \
    && /opt/byline/bin/pip install --only-binary :all: --require-hashes -r requirements/server.lock \
    && pip install --only-binary :all: --require-hashes -r requirements/build.lock
COPY pyproject.toml README.md LICENSE ./
COPY alembic/ alembic/
COPY src/ src/
RUN pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && /opt/byline/bin/pip install --no-deps --no-index dist/*.whl

FROM python:3.13-slim
# Numbers, not names, below: a cluster that demands a user other than root can check them.
RUN groupadd --gid 10001 byline \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin byline \
    && install --directory --owner=10001 --group=10001 --mode=0700 /data
COPY --from=build /opt/byline /opt/byline
ENV PATH=/opt/byline/bin:$PATH PYTHONUNBUFFERED=1 BYLINE_DATA_DIR=/data
# The one place Byline writes to, besides /tmp: the root file system may be read-only.
VOLUME /data
WORKDIR /data
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-c", "import http.client, os, sys; server = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('BYLINE_PORT', 8000)), timeout=4); server.request('GET', '/livez'); sys.exit(server.getresponse().status != 200)"]
CMD ["byline", "serve", "--host", "0.0.0.0", "--no-demo"]
