"""Faults of ours, logged so that they can be found without quoting anybody's document."""

import traceback
import uuid
from pathlib import Path

from chassis.logs import get_logger

log = get_logger()


def log_incident(error: BaseException) -> str:
    """Log kind and places, never the message, which may quote a document; answers the incident id."""
    incident = uuid.uuid4().hex[:12]
    places = [f"{Path(at.filename).name}:{at.lineno} {at.name}" for at in traceback.extract_tb(error.__traceback__)]
    log.error("incident_happened", incident=incident, kind=type(error).__name__, places=places)
    return incident
