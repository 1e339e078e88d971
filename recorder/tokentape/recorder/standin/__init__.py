"""The stand-in upstream: speaks the Messages API exactly, from a script instead of a model."""
