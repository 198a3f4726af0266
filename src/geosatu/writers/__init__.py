"""Features -> files, whole or not at all. Writers know neither SQL nor HTTP."""
