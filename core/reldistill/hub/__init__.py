"""The Hugging Face Hub: teachers as local folders (:mod:`.models`) and text as streams (:mod:`.text`).

Importing this package costs nothing: the Hub's own libraries are imported when something is asked of the Hub.
"""
