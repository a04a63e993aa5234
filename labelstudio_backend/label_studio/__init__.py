"""Label Studio as this service calls it: who may be asked with what token, and what it answers."""
