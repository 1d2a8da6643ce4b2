"""The built-in relations, layer strategies and teachers, found by entry points as anybody else's."""
