"""What surrounds every page: shell, session state, URL state, caches, background work, glossary."""
