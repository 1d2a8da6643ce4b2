"""The demo: a real teacher distilled offline, on the documentation that lies on every Python machine."""
