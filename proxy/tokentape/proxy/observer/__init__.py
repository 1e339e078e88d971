"""The process that understands: frames in, calls out to the sinks."""
