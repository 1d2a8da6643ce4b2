"""The built-in relations, layer strategies, teachers and tasks, found by entry points as anybody else's."""
