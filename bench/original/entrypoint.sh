#!/bin/sh
# All that a start needs, each time anew. The server is a child of this shell, which passes no signal on.
set -e

python manage.py collectstatic --noinput
python manage.py migrate --noinput
uwsgi --socket :8000 --master --enable-threads --module config.wsgi
