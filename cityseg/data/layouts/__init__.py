"""Dataset layouts: detect a folder's layout, list its frames, verify its files."""
