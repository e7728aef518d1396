"""The augmentation tab: one frame as training would see it, several times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import cast

import streamlit as st

from cityseg import api
from cityseg.analysis.dataset.frame_table import FrameTable
from cityseg.api import AugmentedView, DataInfo
from cityseg.api.types import Augmentation, Split, SplitStatistics
from cityseg.config import ExperimentConfig, presets
from cityseg.errors import CitysegError
from cityseg.figures.images.overlay import overlay
from cityseg.ui.app import cache, glossary, session
from cityseg.ui.common.gallery import Thumbnail, encode_thumbnail, gallery
from cityseg.ui.common.viewer import Layer, viewer
from cityseg.ui.train import config_form

DRAWS = 8
OWN = "the Train page's form"
_CHOICES = (*presets.PRESETS, OWN)
_LARGEST_SEED = 9999


@st.fragment
def augmentation_tab(info: DataInfo, counted: Mapping[Split, SplitStatistics]) -> None:
    """Show the frame that is open in Browse as a recipe's training would see it."""
    catalogue = FrameTable.of(counted)
    chosen = session.remembered("frame", catalogue.names) or catalogue.names[0]
    left, right = st.columns([3, 2], gap="medium")
    with right:
        try:
            settings, seed = _recipe()
            place = catalogue.names.index(chosen)
            with st.skeleton(height=300):
                split = cast("Split", str(catalogue.splits[place]))
                views = _views(info.spec, split, chosen, settings.model_dump_json(), seed)
        except CitysegError as error:
            st.error(f"This frame cannot be shown. {error}", icon=":material/broken_image:")
            return
        st.markdown(_words(settings))
        shown = min(st.session_state.get("data_draw", 0), len(views) - 1)
        wanted = _strip(views, chosen, shown)
    with left, st.container(key="draw_large"):
        step = _large(views[shown], shown, chosen)
    if step or wanted is not None:
        st.session_state["data_draw"] = wanted if wanted is not None else (shown + step) % len(views)
        st.rerun(scope="fragment")


def _recipe() -> tuple[ExperimentConfig, int]:
    """Show the choice of recipe and of the draws."""
    if st.session_state.get("data_recipe") not in _CHOICES:
        st.session_state["data_recipe"] = session.remembered("recipe", _CHOICES) or config_form.FIRST_CHOICE
    asked = st.query_params.get("draws", "")
    if "data_draws" not in st.session_state:
        st.session_state["data_draws"] = min(int(asked), _LARGEST_SEED) if asked.isdecimal() else 0
    with st.container(horizontal=True, gap="small"):
        name = st.selectbox("Recipe", _CHOICES, key="data_recipe", persist_state="session", width=200)
        seed = st.number_input(
            "Seed",
            0,
            _LARGEST_SEED,
            key="data_draws",
            persist_state="session",
            width=120,
            help="Another number, other draws.",
        )
    session.remember("recipe", None if name == config_form.FIRST_CHOICE else name)
    session.remember("draws", str(seed) if seed else None)
    return config_form.current() if name == OWN else presets.preset(name), seed


@st.cache_data(show_spinner=False, max_entries=64)
def _views(spec: str, split: Split, name: str, settings: str, seed: int) -> tuple[AugmentedView, ...]:
    described = ExperimentConfig.model_validate_json(settings)
    return api.augmented_views(cache.dataset(spec), split, name, described, DRAWS, seed)


def _words(settings: ExperimentConfig) -> str:
    """Say what the recipe does to a frame, and at which size."""
    augmentation, nothing = Augmentation.of(settings), Augmentation()
    chosen = {field.name: getattr(augmentation, field.name) for field in fields(Augmentation)}
    drawn = [
        glossary.label(name) + ("" if value is True else f" {glossary.setting(name, value)}")
        for name, value in chosen.items()
        if value != getattr(nothing, name)
    ]
    height, width = settings.image_size
    words = f"The network sees {width} × {height} px"
    half = settings.half_size_epochs
    words += f", and half of that in the first {half} of {settings.epochs} epochs. " if half else ". "
    if drawn:
        return words + f"Drawn anew for every frame and epoch: **{' · '.join(drawn)}**."
    return words + "**Nothing in this recipe is random**: every epoch sees the frame like this."


def _strip(views: tuple[AugmentedView, ...], name: str, shown: int) -> int | None:
    """Show all draws small; returns the clicked one."""
    palette = session.palette()
    cells = [
        Thumbnail(
            str(draw),
            f"draw {draw + 1}",
            f"{_when(view, views)}{view.photo.shape[1]} × {view.photo.shape[0]} px",
            encode_thumbnail(overlay(view.photo, view.train_ids, 0.4, palette), quality=95),
        )
        for draw, view in enumerate(views)
    ]
    height, width = views[0].photo.shape[:2]
    clicked = gallery(
        cells,
        key="draws",
        label=f"{len(views)} draws of frame {name}",
        chosen=str(shown),
        aspect=width / height,
        cell=140,
        target="draw_large",
    )
    return int(clicked) if clicked is not None else None


def _when(view: AugmentedView, views: tuple[AugmentedView, ...]) -> str:
    """Name the epoch where the size depends on it."""
    return f"epoch {view.epoch} · " if len({other.photo.shape for other in views}) > 1 else ""


def _large(view: AugmentedView, draw: int, name: str) -> int:
    """Show one draw large; returns the steps to go."""
    event = viewer(
        view.photo,
        [Layer("truth", view.train_ids)],
        key="draw",
        alt=f"Frame {name} as training sees it, draw {draw + 1}.",
        opacity=0.4,
        navigation=True,
        clicks=False,
    )
    st.caption(f"**{name}** as training sees it, draw {draw + 1} of {DRAWS}. The Browse tab chooses another frame.")
    return 0 if event is None else 1 if event.kind == "next" else -1
