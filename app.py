"""The router of the studio: ``streamlit run app.py``.

When the server starts, Streamlit imports this file for ``app``; for every visit it runs the file as a script.
"""

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from cityseg.ui.app import server

if get_script_run_ctx(suppress_warning=True) is None:
    app = st.App(__file__, lifespan=server.lifespan)
else:
    from cityseg.ui.app import history, shell

    st.set_page_config(page_title="cityseg", page_icon=shell.ICON, layout="wide")
    shell.show_navigation()
    page = st.navigation(
        [
            st.Page("pages/overview.py", title="Overview", icon=":material/home:", default=True),
            st.Page("pages/dataset.py", title="Dataset", icon=":material/photo_library:"),
            st.Page("pages/train.py", title="Train", icon=":material/model_training:"),
            st.Page("pages/compare.py", title="Compare", icon=":material/compare:"),
            st.Page("pages/inspect.py", title="Inspect", icon=":material/troubleshoot:"),
            st.Page("pages/predict.py", title="Predict", icon=":material/add_a_photo:"),
        ]
    )
    with history.visiting(page.url_path):
        shell.sidebar()
        page.run()
    shell.settle(page.url_path)
