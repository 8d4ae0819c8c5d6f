"""What customers see."""

from smsapp.web.pages import preferences, sign_up

BLUEPRINTS = (sign_up.bp, preferences.bp)
