# One image for every process of dialer; the command chooses which (see docker-compose.yml).
# Alone it runs everything, with its own Postgres and the simulated carrier:
#   docker run --rm -p 127.0.0.1:8000:8000 dialer

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/dialer
# What changes seldom comes first: this layer is rebuilt only when the lock changes.
COPY requirements.lock ./
RUN /opt/dialer/bin/pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE alembic.ini ./
COPY migrations migrations
COPY campaigns campaigns
COPY dialer dialer
RUN /opt/dialer/bin/pip install --no-deps --no-build-isolation .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/dialer --create-home dialer
COPY --from=build /opt/dialer /opt/dialer
ENV PATH=/opt/dialer/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DIALER_BIND=0.0.0.0:8000 \
    DIALER_DATA_DIR=/var/lib/dialer
USER 10001
WORKDIR /var/lib/dialer
VOLUME /var/lib/dialer
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health/ready', timeout=3)"]
CMD ["dialer", "up"]
