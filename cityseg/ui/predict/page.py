"""The predict page: any photo, one or several models, and what they see."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cityseg.api import DataInfo, Result
from cityseg.api.types import FITS, WEIGHTS, Fit
from cityseg.errors import CitysegError
from cityseg.figures.agreement import MOST_MODELS
from cityseg.ui.app import cache, glossary, session, url_state
from cityseg.ui.predict import (
    downloads,
    model_view,
    rejection,
    result_view,
    sources,
    tabs,
    uploads,
    video_job,
    video_upload,
    video_view,
)
from cityseg.ui.predict.layers import Sight
from cityseg.ui.predict.model_view import Opened, Shown
from cityseg.ui.predict.sources import Street
from cityseg.ui.predict.video_upload import GivenClip

_MODELS, _FIT, _MIRROR = "predict_models", "predict_fit", "predict_mirror"
_MIRRORED = "yes"
_FITS: dict[Fit, tuple[str, str]] = {
    "stretch": ("Stretch", "the photo takes the model's shape, as all frames did in training"),
    "letterbox": ("Letterbox", "the photo keeps its shape, and bars fill up the rest"),
    "crop": ("Crop", "only the middle that has the model's shape is looked at"),
    "tiles": ("Tiles", "overlapping windows, looked at twice as close and blended; slower, better for small things"),
}


def page() -> None:
    """Show the whole page."""
    models = usable_models()
    if not models:
        _explain_no_models()
        return
    left, right = st.columns([2, 1], gap="medium")
    with right:
        chosen = _choose_models(models)
    with left:
        info = sources.connected_data(session.data_spec())
        source = sources.choose_source(sources.available(info))
        clip = video_upload.uploaded() if source == "clip" else None
        found = [] if source == "clip" else _choose_streets(source, info)
    left, middle, right = st.columns([4, 2, 6], gap="medium")
    with left:
        fit = _choose_fit()
    with middle:
        flip = _choose_mirrored()
    beside = right.container()
    if source == "clip":
        _answer_clip(clip, chosen, fit, flip)
        return
    if not found:
        st.info("As soon as there is a photo, the model's view of it appears here.", icon=":material/add_a_photo:")
        return
    opened = Opened(found[0])
    try:
        _answer(opened, found, chosen, fit, flip, beside)
    finally:
        opened.close()


def _answer(
    opened: Opened, found: list[Street], chosen: list[Result], fit: Fit, flip: bool, beside: DeltaGenerator
) -> None:
    """Show what the chosen models see, and what can be asked about it.

    Args:
        opened: the street that is shown.
        found: the same, and those uploaded with it.
        chosen: the models.
        fit, flip: how they look.
        beside: place of the threshold among the settings.
    """
    photo, seen = _look(opened, chosen, fit, flip)
    if photo is None or not seen:
        return
    with beside:
        least = rejection.threshold(seen, fit, flip=flip)
    result_view.show(
        opened.street,
        photo,
        seen,
        least,
        lambda: downloads.downloads(found, seen[0].model.id, fit, flip=flip, least=least),
    )
    tabs.show(tabs.Asked(opened, photo, seen, least, fit, flip))


def _answer_clip(clip: GivenClip | None, chosen: list[Result], fit: Fit, flip: bool) -> None:
    """Offer the overlay film of a clip, and show it; the first of the models looks at it."""
    if len(chosen) > 1:
        st.caption(f"A film is made by one model: {chosen[0].id}, the first one chosen.")
    if clip is None:
        st.info(
            "As soon as there is a film or a folder, the model can look at every frame of it: an overlay film, what "
            "comes and goes over time, and a table of all frames.",
            icon=":material/movie:",
        )
    found = video_job.show(clip, chosen[0], fit, flip=flip)
    if found is not None:
        video_view.show(found, chosen[0].id)


def usable_models() -> list[Result]:
    """List runs and shipped models that have weights, best first by macro F1 on test, else on val."""
    usable = [result for result in cache.results() if (result.run.checkpoint / WEIGHTS).is_file()]
    return sorted(usable, key=lambda result: (-(_f1(result) or 0), result.id))


def _f1(result: Result) -> float | None:
    test = result.score("test", "f1")
    return result.score("val", "f1") if test is None else test


def _choose_models(models: list[Result]) -> list[Result]:
    """Let the user choose one or several; the best is chosen on arrival."""
    by_id = {result.id: result for result in models}
    best = models[0].id
    url_state.settle_several(_MODELS, "model", list(by_id), [best])
    chosen = st.multiselect(
        "Models",
        list(by_id),
        format_func=lambda name: f"{name} · F1 {glossary.score(_f1(by_id[name]))}",
        key=_MODELS,
        max_selections=MOST_MODELS,
        placeholder=f"{best}, the best",
        persist_state="session",
        help=f"Runs and shipped models, best first by macro F1 on the test split; up to {MOST_MODELS} side by side. "
        + glossary.SCORES["f1"][1],
    )
    url_state.keep(_MODELS, "model", ",".join(chosen))
    results = [by_id[name] for name in chosen or [best]]
    if len(results) == 1:
        st.caption(_facts(results[0]))
    return results


def _facts(result: Result) -> str:
    split = "val" if result.score("test", "f1") is None else "test"
    parameters = f"{result.parameters / 1e6:.1f} million parameters" if result.parameters else "parameters unknown"
    going = " · **still training**: these are its best weights so far" if result.state == "running" else ""
    return (
        f"{parameters} · sees every photo at {glossary.size(result.config.image_size)} pixels · "
        f"macro F1 {glossary.score(_f1(result))} on {split} · trained on {result.data}{going}"
    )


def _choose_fit() -> Fit:
    """Let the user choose how photos are brought to the size of the models."""
    url_state.settle(_FIT, "fit", FITS, "stretch")
    answer = st.segmented_control(
        "How the photo is fitted",
        FITS,
        format_func=lambda name: _FITS[name][0],
        key=_FIT,
        required=True,
        persist_state="session",
        help="A model sees photos of one size only.  \n"
        + "  \n".join(f"**{name}**: {meaning}." for name, meaning in _FITS.values()),
    )
    fit = answer or "stretch"
    url_state.keep(_FIT, "fit", fit)
    return fit


def _choose_mirrored() -> bool:
    if _MIRROR not in st.session_state:
        st.session_state[_MIRROR] = session.remembered("mirror", [_MIRRORED]) is not None
    st.markdown(":small[Mirror image]")
    flip = st.toggle(
        "Look at it too",
        key=_MIRROR,
        persist_state="session",
        help="Look at the photo and at its mirror image, and average both: a little surer, and twice the time.",
    )
    session.remember("mirror", _MIRRORED if flip else None)
    return flip


def _explain_no_models() -> None:
    st.info("There is no model yet, so nothing can be predicted. Train one first.", icon=":material/model_training:")
    st.page_link("pages/train.py", label="Train a model", icon=":material/arrow_forward:")


def _choose_streets(source: str, info: DataInfo | None) -> list[Street]:
    """Let the user choose the photo; those that were uploaded with it follow. Empty while there is none."""
    if source == "photos":
        return uploads.uploaded()
    if source == "camera":
        shot = uploads.shot()
        return [shot] if shot else []
    if source == "drawn" or info is None:
        return [sources.drawn()]
    return [sources.of_data(info)]


def _look(opened: Opened, models: Sequence[Result], fit: Fit, flip: bool) -> tuple[Shown | None, list[Sight]]:
    """Return the photo and what each model sees; what cannot be used is said and left out."""
    try:
        photo = model_view.shown(opened)
    except CitysegError as error:
        st.error(f"This photo cannot be shown. {error}", icon=":material/broken_image:")
        return None, []
    sights = []
    for model in models:
        try:
            with st.spinner(f"{model.id} is looking at the photo", show_time=True):
                sights.append(Sight(model, model_view.look(opened, model, fit, flip=flip)))
        except CitysegError as error:
            st.error(f"{model.id} cannot be used. {error} Choose another model.", icon=":material/error:")
    return photo, sights
