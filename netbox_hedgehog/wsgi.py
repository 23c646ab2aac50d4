"""Server entry: `gunicorn netbox_hedgehog.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "netbox_hedgehog.settings")

application = get_wsgi_application()
