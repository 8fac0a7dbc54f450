"""Sessions of what needs no download: an engine per subject, in the same form as a model."""
