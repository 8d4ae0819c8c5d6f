"""A container's health check: fail where this host's web processes are not ready."""

import os
import sys
import urllib.error
import urllib.request

# Less than the check's own, so that it says why.
TIMEOUT_SECONDS = 4

try:
    address = f"http://127.0.0.1:{os.environ.get('PORT') or 8000}/readyz"
    urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS).close()
except (urllib.error.URLError, OSError) as error:
    sys.exit(f"not ready: {error}")
