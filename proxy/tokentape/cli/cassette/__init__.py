"""The `cassette` commands: to read recordings, to check and compare them, to make others of them."""
