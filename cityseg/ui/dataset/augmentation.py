"""The augmentation tab: random augmentations of one training frame."""

from __future__ import annotations

from dataclasses import fields

import streamlit as st

from cityseg import api
from cityseg.analysis.dataset.frame_table import FrameTable
from cityseg.api import AugmentedView, DataInfo
from cityseg.api.types import Augmentation, Split
from cityseg.config import ExperimentConfig, presets
from cityseg.errors import CitysegError
from cityseg.figures.images.overlay import overlay
from cityseg.markdown import escape
from cityseg.ui.app import cache, glossary, history, session, url_state
from cityseg.ui.common import config_state
from cityseg.ui.common.frame_navigator import steps
from cityseg.ui.common.gallery import Thumbnail, encode_thumbnail, gallery
from cityseg.ui.common.url_choice import choose_option
from cityseg.ui.common.viewer import Layer, viewer
from cityseg.ui.dataset import filters
from cityseg.ui.dataset.charts.common import Statistics

DRAWS = 8
TRAIN_FORM = "the Train page's form"
_CHOICES = (*presets.PRESETS, TRAIN_FORM)


@history.fragment
def show(info: DataInfo, counted: Statistics) -> None:
    """Show the frame that is open in Browse as seen in training with a config."""
    table = FrameTable.of(counted)
    linked = history.read("frame")
    name = linked if linked in table.names else table.names[0]
    left, right = st.columns([3, 2], gap="medium")
    with right:
        try:
            config, seed = _choose_config()
            split = table.splits.item(table.names.index(name))
            with st.skeleton(height=300):
                views = _views(info.spec, split, name, config.model_dump_json(), seed)
        except CitysegError as error:
            st.error(f"This frame cannot be shown. {escape(error)}", icon=":material/broken_image:")
            return
        st.markdown(_description(config))
        shown = min(st.session_state.get("data_draw", 0), len(views) - 1)
        clicked = _thumbnails(views, name, shown)
    with left, st.container(key="draw_large"):
        event = viewer(
            views[shown].photo,
            [Layer("ground truth", views[shown].train_ids)],
            key="draw",
            alt=f"Frame {name} as seen in training, sample {shown + 1}.",
            opacity=0.4,
            navigation=True,
            clicks=False,
        )
        st.caption(
            f"**{escape(name)}** as seen in training, sample {shown + 1} of {DRAWS}. Choose another frame in the "
            "Browse tab."
        )
    if clicked is not None or steps(event):
        st.session_state["data_draw"] = (shown + steps(event)) % len(views) if clicked is None else clicked
        st.rerun(scope="fragment")


def _choose_config() -> tuple[ExperimentConfig, int]:
    """Show the inputs for config and random seed."""
    linked = history.arriving("data_draws", "draws")
    if linked is not None or "data_draws" not in st.session_state:
        st.session_state["data_draws"] = filters.parse_seed(linked or "")
    with st.container(horizontal=True, gap="small"):
        first = config_state.FIRST_CHOICE
        name = choose_option(
            st.selectbox, "Config", _CHOICES, "data_recipe", "recipe", first, omit_default=True, width=200
        )
        seed = filters.seed_input("Seed", "data_draws", "Another seed gives other random samples.", width=120)
    url_state.keep("draws", str(seed) if seed else None)
    if name != TRAIN_FORM:
        config_state.drop_from_url()
        return presets.preset(name), seed
    if history.is_link():
        # After a reload the session has no form yet. What this page wrote before is older than the form.
        config_state.follow_url()
    config = config_state.current()
    config_state.record_in_url()
    return config, seed


@st.cache_data(show_spinner=False, max_entries=64)
def _views(spec: str, split: Split, name: str, config_json: str, seed: int) -> tuple[AugmentedView, ...]:
    config = ExperimentConfig.model_validate_json(config_json)
    return api.augmented_views(cache.dataset(spec), split, name, config, DRAWS, seed)


def _description(config: ExperimentConfig) -> str:
    """Return the input size of a config and its augmentations in words."""
    augmentation, default = Augmentation.of(config), Augmentation()
    values = {field.name: getattr(augmentation, field.name) for field in fields(Augmentation)}
    active = [
        glossary.label(name) + ("" if value is True else f" {glossary.setting(name, value)}")
        for name, value in values.items()
        if value != getattr(default, name)
    ]
    (height, width), half = config.image_size, config.half_size_epochs
    size = f"Network input {width} × {height} px"
    size += f", half of that in the first {half} of {config.epochs} epochs. " if half else ". "
    if active:
        return f"{size}Random for every frame and epoch: **{' · '.join(active)}**."
    return f"{size}**This config uses no random augmentation**: every epoch sees the same frame."


def _thumbnails(views: tuple[AugmentedView, ...], name: str, shown: int) -> int | None:
    """Show all samples as thumbnails; return the clicked one."""
    several_sizes = len({view.photo.shape for view in views}) > 1
    cells = [
        Thumbnail(
            str(index),
            f"sample {index + 1}",
            f"{f'epoch {view.epoch} · ' if several_sizes else ''}{view.photo.shape[1]} × {view.photo.shape[0]} px",
            encode_thumbnail(overlay(view.photo, view.train_ids, 0.4, session.palette()), quality=95),
        )
        for index, view in enumerate(views)
    ]
    height, width = views[0].photo.shape[:2]
    clicked = gallery(
        cells,
        key="draws",
        label=f"{len(views)} samples of frame {name}",
        chosen=str(shown),
        aspect=width / height,
        cell=140,
        target="draw_large",
    )
    return int(clicked) if clicked is not None else None
