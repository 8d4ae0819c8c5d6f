"""What customers see."""

from smsapp.web.pages import incidents, mail, preferences, sign_up

BLUEPRINTS = (sign_up.bp, preferences.bp, mail.bp, mail.links, incidents.bp)
