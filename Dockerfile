# One image serves the city and runs the tests:
#   docker build --tag geosatu .
#   docker run --rm --env CI=true geosatu make test
# Without the tests' browser and database server: docker build --build-arg SETUP= .
FROM debian:12-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates git make python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /srv/geosatu

# What changes rarely comes first, so that a rebuild after an edit is quick.
ARG SETUP=test
COPY setup.sh pyproject.toml requirements.lock README.md LICENSE ./
COPY tests/schemas.lock tests/
COPY src/geosatu/__init__.py src/geosatu/__init__.py
COPY src/geosatu/web/package.json src/geosatu/web/package-lock.json src/geosatu/web/.npmrc src/geosatu/web/
RUN GEOSATU_DATABASE_URL=given ./setup.sh ${SETUP} && rm -rf /var/lib/apt/lists/*
COPY . .

RUN useradd --create-home geosatu && mkdir .geosatu && chown geosatu .geosatu .
USER geosatu
ENV PATH=/srv/geosatu/.venv/bin:$PATH GEOSATU_HOST=0.0.0.0
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
CMD ["geosatu", "serve"]
