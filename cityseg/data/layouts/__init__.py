"""Dataset layouts: recognise a folder or an archive, list its frames, verify its files."""
