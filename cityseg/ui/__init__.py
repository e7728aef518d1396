"""The Streamlit side of the studio: components, cached wrappers, what the pages share."""
