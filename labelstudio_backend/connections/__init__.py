"""Connections of this service to others: where they may go, and how long they may take."""
