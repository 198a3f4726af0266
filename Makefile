# make run    everything that geosatu needs, then the demonstration city on http://127.0.0.1:8000
# make test   everything that the tests need, then all checks and tests
# make bench  geosatu beside TiPg, pygeoapi, ogr2ogr, MapServer, QGIS Server and PostgreSQL's own limit, into docs/benchmarks.md

.PHONY: run test check bench format lock

run:
	@./setup.sh
	@.venv/bin/geosatu demo

test:
	@./setup.sh test
	@$(MAKE) --no-print-directory check
	.venv/bin/pytest

check:
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/geosatu layers check

bench:
	@./setup.sh
	.venv/bin/python -m benchmarks

format:
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

# Newest versions into both locks; needs uv. Locks carry hashes, not addresses.
lock:
	uv pip compile pyproject.toml --group dev --group build --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --upgrade --output-file requirements.lock
	cd src/geosatu/web && npm update --package-lock-only
