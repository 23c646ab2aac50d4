# One image for the web server, workers, beat and every command; what to run is the command (docs/deployment.md).
ARG PYTHON_IMAGE=python:3.12-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements-production.lock requirements-build.lock ./
RUN python -m venv /opt/hedgehog \
 && /opt/hedgehog/bin/pip install --require-hashes --no-deps -r requirements-production.lock
RUN python -m venv /tools \
 && /tools/bin/pip install --require-hashes --no-deps -r requirements-build.lock
COPY pyproject.toml README.md LICENSE ./
COPY migrations migrations
COPY netbox_hedgehog netbox_hedgehog
RUN /tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /build/dist . \
 && /opt/hedgehog/bin/pip install --no-deps /build/dist/*.whl \
 && /opt/hedgehog/bin/pip uninstall --yes pip
# The keys that this makes in its data directory stay behind in this stage.
RUN HEDGEHOG_DATA_DIR=/build/var STATIC_ROOT=/opt/hedgehog/static /opt/hedgehog/bin/netbox-hedgehog collectstatic --no-input

FROM ${PYTHON_IMAGE}
# As process 1, tini hands signals on and collects what workers leave behind.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends tini \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --user-group --no-create-home --home-dir /var/lib/hedgehog --shell /usr/sbin/nologin hedgehog \
 && install --directory --owner=hedgehog --group=hedgehog --mode=0700 /var/lib/hedgehog
COPY --from=build /opt/hedgehog /opt/hedgehog
ENV PATH=/opt/hedgehog/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=netbox_hedgehog.settings \
    HEDGEHOG_DATA_DIR=/var/lib/hedgehog \
    HEDGEHOG_LOG_FORMAT=json \
    STATIC_ROOT=/opt/hedgehog/static
USER 10001:10001
WORKDIR /var/lib/hedgehog
EXPOSE 8000
# Of the web server; compose.yaml gives workers and beat their own.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["tini", "--"]
CMD ["gunicorn", "--config", "python:netbox_hedgehog.web.server", "netbox_hedgehog.wsgi"]
