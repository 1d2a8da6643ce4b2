"""The Hugging Face Hub: teachers as local folders (:mod:`.models`), text by its name (:mod:`.text_name`) and as a
stream (:mod:`.text_stream`).

Importing this package costs nothing: the Hub's own libraries are imported when something is asked of the Hub.
"""
