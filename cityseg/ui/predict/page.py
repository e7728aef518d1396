"""The Predict page: choose an image and up to four models, and see their predictions."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from cityseg import api
from cityseg.api import ConnectedData, DataInfo, Result
from cityseg.api.types import Fit, Split
from cityseg.errors import CitysegError
from cityseg.figures.agreement import MAX_MODELS
from cityseg.markdown import escape
from cityseg.ui.app import cache, glossary, session, url_state
from cityseg.ui.common.url_choice import choose_option, open_tabs, switch
from cityseg.ui.predict import (
    agreement,
    distribution_shift,
    downloads,
    model_view,
    rejection,
    resize_modes,
    result_view,
    sources,
    uploads,
    video_job,
    video_upload,
)
from cityseg.ui.predict.model_view import ModelView, Photo
from cityseg.ui.predict.sources import ImageSource

_FIGURES_BESIDE = "predict_figures_beside"
# Result, controls and figures from top to bottom. On a wide page the figures of a single model stand beside the other
# two; the grid leaves the widgets where they are when a second model is chosen.
_STYLE = f"""<style>
.st-key-predict_board {{ display: grid; grid-template-columns: minmax(0, 1fr); }}
[data-testid="stLayoutWrapper"]:has(> .st-key-predict_controls) {{ order: 1; }}
[data-testid="stLayoutWrapper"]:has(> [class*="st-key-predict_figures"]) {{ order: 2; }}
@media (min-width: 1100px) {{
  .st-key-predict_board:has(.st-key-{_FIGURES_BESIDE}) {{
    grid-template: auto 1fr / minmax(0, 7fr) minmax(0, 3fr); column-gap: 2rem;
  }}
  [data-testid="stLayoutWrapper"]:has(> .st-key-{_FIGURES_BESIDE}) {{ grid-area: 1 / 2 / span 2; }}
}}
</style>"""
_MODELS, _FLIP = "predict_models", "predict_mirror"
_FITS: dict[Fit, tuple[str, str]] = {
    "stretch": ("Stretch", "to the model's aspect ratio, as all frames in training"),
    "letterbox": ("Letterbox", "keeps the aspect ratio and pads the rest"),
    "crop": ("Crop", "uses only the centre that has the model's aspect ratio"),
    "tiles": ("Tiles", "overlapping windows at twice the scale, blended; slower, better for small objects"),
}


def page() -> None:
    """Show the page: the result first, then its controls, although it is computed after them."""
    data = cache.connected_data(session.data_spec())
    models = api.usable_models(cache.results(), data)
    if not models:
        st.info("There is no model yet. Train one first.", icon=":material/model_training:")
        st.page_link("pages/train.py", label="Train a model", icon=":material/arrow_forward:")
        return
    st.html(_STYLE)
    board = st.container(key="predict_board")
    result = board.container(key="predict_result")
    controls = board.container(key="predict_controls", border=True)
    try:
        with controls:
            info = sources.connected_data()
            with st.container(horizontal=True, gap="small"):
                kind = sources.choose_kind(info)
                split = sources.choose_split(info) if info is not None and kind == "data" else None
            video = video_upload.choose() if kind == "clip" else None
            images = [] if kind == "clip" else _choose_images(kind, info, split)
            chosen = _choose_models(models, data)
            with st.container(horizontal=True, gap="medium"):
                fit = _choose_fit()
                flip = _choose_flip()
            threshold_place = st.container()
        if kind == "clip":
            with st.container() if video is None else result:
                video_job.show(video, chosen, fit, flip=flip)
            return
        if not images:
            st.info("Choose a photo to see its prediction here.", icon=":material/add_a_photo:")
            return
        with result:
            photo = _display_photo(images[0])
            views = _predict(images[0], chosen, fit, flip) if photo else []
        if photo is None or not views:
            return
        with threshold_place:
            threshold = rejection.choose_threshold(views)
        with result:
            result_view.show(images[0], photo, views, threshold)
        with board.container(key=_FIGURES_BESIDE if len(views) == 1 else "predict_figures"):
            result_view.show_figures(photo, views)
        downloads.show(images, views, threshold)
        _show_tabs(images[0], photo, views, threshold, flip=flip)
    finally:
        uploads.release()


def _show_tabs(source: ImageSource, photo: Photo, views: list[ModelView], threshold: int, *, flip: bool) -> None:
    tabs: dict[str, Callable[[], None]] = {
        "Out-of-distribution check": lambda: distribution_shift.show(views),
        "Risk and coverage": lambda: rejection.show_curves(views, threshold),
        "Model agreement": lambda: agreement.show(source.name, photo, views),
        "Resize modes": lambda: resize_modes.show(source, photo, views[0].model, flip=flip),
    }
    for name in open_tabs(list(tabs), "ask", "ask"):
        tabs[name]()


def _display_photo(source: ImageSource) -> Photo | None:
    """Return the display-sized photo; None, after a message, if the source cannot be decoded."""
    try:
        return model_view.display_photo(source)
    except CitysegError as error:
        st.error(f"This photo cannot be shown. {escape(error)}", icon=":material/broken_image:")
        return None


def _predict(source: ImageSource, models: list[Result], fit: Fit, flip: bool) -> list[ModelView]:
    """Predict with each model; models that fail are reported and left out."""
    views = []
    for model in models:
        try:
            with st.spinner(f"{escape(model.id)} predicts the photo", show_time=True):
                views.append(model_view.model_view(source, model, fit, flip=flip))
        except CitysegError as error:
            st.error(
                f"{escape(model.id)} cannot be used. {escape(error)} Choose another model.", icon=":material/error:"
            )
    return views


def _choose_models(models: list[Result], data: ConnectedData | None) -> list[Result]:
    """Show the choice of models, by default the best of those measured on the connected data."""

    def title(name: str) -> str:
        elsewhere = "" if data and data.holds_frames_of(by_id[name]) else f" on {by_id[name].measured_on}"
        return f"{name} · F1 {glossary.score(by_id[name].macro_f1)}{elsewhere}"

    by_id = {result.id: result for result in models}
    best = models[0].id
    url_state.settle_several(_MODELS, "model", list(by_id), [best])
    chosen = st.multiselect(
        "Models",
        list(by_id),
        format_func=title,
        key=_MODELS,
        max_selections=MAX_MODELS,
        placeholder=f"{best}, the best",
        persist_state="session",
        help=f"Up to {MAX_MODELS}; best first by macro F1 on test, or else on val. Models measured on the connected "
        f"data come first: scores on other data are not comparable with theirs. {glossary.SCORES['f1'][1]}",
    )
    url_state.keep("model", ",".join(chosen))
    results = [by_id[name] for name in chosen or [best]]
    if len(results) == 1:
        st.caption(_model_facts(results[0]))
    return results


def _model_facts(result: Result) -> str:
    split = result.scored_split
    parameters = f"{result.parameters / 1e6:.1f} million parameters" if result.parameters else "parameters unknown"
    training = " · **still training**: these are its best weights so far" if result.state == "running" else ""
    return (
        f"{parameters} · input size {glossary.size(result.config.image_size)} pixels · "
        f"macro F1 {glossary.score(result.macro_f1)} on {split} of "
        f"{escape(result.measured_on)} · trained on {escape(result.data)}{training}"
    )


def _choose_fit() -> Fit:
    """Show the choice of the resize mode."""
    meanings = "  \n".join(f"**{label}**: {meaning}." for label, meaning in _FITS.values())
    labels = {fit: label for fit, (label, _) in _FITS.items()}
    meaning = f"A model takes images of one size only.  \n{meanings}"
    return choose_option(st.segmented_control, "Resize mode", labels, "predict_fit", "fit", help=meaning)


def _choose_flip() -> bool:
    meaning = "Averages the predictions of the photo and its mirror image: slightly better, twice the time."
    with st.container(width="content", gap="xxsmall"):
        st.markdown(":small[Test-time augmentation]")
        return switch("Flip TTA", _FLIP, "mirror", help=meaning)


def _choose_images(kind: str, info: DataInfo | None, split: Split | None) -> list[ImageSource]:
    """Show the choice of the image; other uploads follow it. Empty if none is chosen yet."""
    if kind == "photos":
        return uploads.uploaded()
    if kind == "camera":
        return uploads.camera_shot()
    return [sources.synthetic_scene() if info is None or split is None else sources.dataset_frame(info, split)]
