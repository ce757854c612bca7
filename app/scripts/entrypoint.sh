#!/bin/sh
# The image's entry point: no argument serves; `migrate` and `manage …` are one-off tasks; anything else is run as it is.
# Every way ends in `exec`, so that a stop signal reaches the program itself.
set -eu

APP_DIR=$(cd "$(dirname "$0")/.." && pwd)
cd "$APP_DIR"

case "${1-serve}" in
    serve) ;;
    migrate)
        shift
        exec python manage.py migrate_locked "$@"
        ;;
    manage)
        shift
        exec python manage.py "$@"
        ;;
    *)
        exec "$@"
        ;;
esac

# uWSGI aborts when its backlog is above the kernel's limit, which differs from host to host.
limit=$(cat /proc/sys/net/core/somaxconn 2>/dev/null || echo 128)
listen=$((limit < 1024 ? limit : 1024))

export APP_DIR
export SLIPWAY_SOCKET="${SLIPWAY_SOCKET:-127.0.0.1:8000}"
export SLIPWAY_RUN_DIR="${SLIPWAY_RUN_DIR:-/tmp}"
export SLIPWAY_WORKER_RSS_MB="${SLIPWAY_WORKER_RSS_MB:-200}"
export UWSGI_PROCESSES="${UWSGI_PROCESSES:-2}"
export UWSGI_THREADS="${UWSGI_THREADS:-4}"

# Descriptor 3 is the container's stdout, which uWSGI is about to take over (uwsgi.ini, log-encoder).
export SLIPWAY_LOG_DESCRIPTOR=3
exec uwsgi --ini uwsgi.ini --listen "$listen" 3>&1
