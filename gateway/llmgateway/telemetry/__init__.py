"""Metrics, stage timing and logs. Request and answer texts and secrets are never formatted here."""
