"""Components that several pages share.

Arguments that recur: ``key`` is a Streamlit key, unique on the page; ``label`` and ``alt`` describe an element for
screen readers; ``file`` names a saved file without its extension; ``spec`` names a dataset as ``--data`` does.
"""
