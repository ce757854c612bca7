"""What `collectstatic` needs, and nothing that serves.

The image's build runs `collectstatic` with this module as the settings: no secret, no database, and no URLs or
application either, so a process that was started with it by mistake cannot answer a request. `config.settings`
builds on it.
"""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

# The apps that bring files; the admin's models need the two beside it.
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.staticfiles",
    "links",
]

# In the runtime image only the manifest is here: the files themselves are served by nginx from its own image.
STATIC_ROOT = os.environ.get("STATIC_ROOT") or str(BASE_DIR / "staticfiles")
STATIC_URL = "/static/"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
}

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_I18N = False
