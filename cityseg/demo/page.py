"""The page of the demo and its ``/predict`` endpoint."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, cast

import gradio as gr
from gradio.components.annotated_image import AnnotatedImageData, Annotation
from gradio.data_classes import FileData

from cityseg.api import Result
from cityseg.api.types import FITS, KINDS, MAX_PIXELS
from cityseg.demo import rendering
from cityseg.demo.cleanup import KEEP_SECONDS
from cityseg.demo.prediction_service import PredictionService
from cityseg.demo.request import DELETED, NOT_UPLOADED, check_request, is_upload, uploads
from cityseg.errors import CitysegError

MAX_CONCURRENT = 2
"""Photos predicted at the same time; the others are queued."""
MAX_QUEUED = 64
_TITLE = "Street-scene segmentation"
_INTRODUCTION = (
    "A small neural network assigns one of the 19 Cityscapes classes to every pixel of a street photo. It was trained "
    "on small daylight frames of one region and is often wrong elsewhere: a research model, not to be relied on."
)
_PRIVACY = (
    f"Photos are used for the prediction only: files are deleted after {KEEP_SECONDS // 60} minutes, and results "
    "contain no location or camera metadata."
)
_TERMS = "The shipped weights were trained on Cityscapes and follow its terms: non-commercial research only."


def build(service: PredictionService, examples: Sequence[Path]) -> gr.Blocks:
    """Lay out the page, on which the first model is chosen; the first example is predicted when the page loads."""
    with gr.Blocks(title=_TITLE, analytics_enabled=False, fill_width=False) as page:
        gr.Markdown(f"# {_TITLE}\n{_INTRODUCTION}")
        with gr.Row(elem_id="layout"):
            with gr.Column(elem_id="prediction"):
                with gr.Tab("Photo and overlay"):
                    slider = gr.ImageSlider(
                        label="Photo and overlay",
                        show_label=False,
                        format="jpeg",
                        interactive=False,
                        max_height=560,
                        elem_id="overlay",
                    )
                    gr.Markdown("Drag the slider: the photo is on its left, the prediction on its right.")
                with gr.Tab("Class by class"):
                    classes = gr.AnnotatedImage(
                        label="Class by class",
                        show_label=False,
                        format="jpeg",
                        color_map=rendering.color_map(),
                        elem_id="classes",
                    )
                    # ``write_annotated`` has already written the files, smaller and faster.
                    classes.postprocess = lambda value: value  # type: ignore[method-assign, assignment, return-value]
                    gr.Markdown("Point at a class name to see where it is predicted.")
                summary = gr.Markdown(label="Summary", elem_id="summary")
            with gr.Column(elem_id="inputs"):
                photo = gr.Image(label="Street photo", type="filepath", height=200, buttons=[], elem_id="photo")
                samples = gr.Dataset(
                    components=[photo],
                    samples=[[str(path)] for path in examples],
                    label="Or a synthetic scene",
                    elem_id="examples",
                    visible=bool(examples),
                )
                model = gr.Dropdown(
                    _model_choices(service),
                    value=service.models[0].id,
                    label="Model",
                    info="Best first by macro F1: harmonic mean of precision and recall, averaged over the 19 classes.",
                    filterable=False,
                )
                fit = gr.Radio(
                    [("centre crop" if name == "crop" else name, name) for name in FITS],
                    value="stretch",
                    label="Resize mode",
                    info="How the photo is resized to the model's input, which is 2:1.",
                )
                flip = gr.Checkbox(False, label="Flip TTA: average with the prediction of the mirrored photo")
                opacity = gr.Slider(0, 1, 0.55, step=0.05, label="Opacity of the colours", buttons=[])
            with gr.Column(elem_id="figures"):
                bars = gr.HTML(label="Share bars", elem_id="shares")
                share_values = gr.JSON(label="Shares", visible=False)
                label_ids = gr.DownloadButton("Download label ids (0 to 33) as PNG", size="sm", elem_id="label-ids")
        gr.Markdown(f"{_PRIVACY} {KINDS}, up to {MAX_PIXELS // 10**6} megapixels. {_TERMS}")

        files = Path(label_ids.GRADIO_CACHE)

        def predict(photo: Any, model: Any, fit: Any, flip: Any, opacity: Any) -> tuple[Any, ...]:
            """Predict the class of every pixel of a street photo; returns images, shares and official label ids."""
            is_checked = False
            try:
                check_request(photo, model, fit, flip, opacity, service.model_ids(model), files)
                is_checked = True
                found = service.predict(Path(photo["path"]), model, fit, flip=flip)
            except CitysegError as error:
                # Only of files that were uploaded, or an answer would tell which other files exist.
                deleted = is_checked and not os.path.exists(photo["path"])
                raise _error(DELETED if deleted else str(error)) from None
            shares = found.prediction.shares()
            shown, masks = rendering.write_annotated(found, opacity, Path(classes.GRADIO_CACHE))
            annotations = [Annotation(image=FileData(path=path), label=name) for path, name in masks]
            return (
                rendering.slider(found, opacity),
                AnnotatedImageData(image=FileData(path=shown), annotations=annotations),
                rendering.summary(found, model),
                rendering.bars(shares),
                shares,
                rendering.write_label_ids(found, files),
            )

        def predict_if_any(photo: Any, *settings: Any) -> Any:
            return gr.skip() if photo is None else predict(photo, *settings)

        def refresh_models() -> Any:
            service.refresh()
            return gr.Dropdown(choices=_model_choices(service))

        inputs = [photo, model, fit, flip, opacity]
        outputs = [slider, classes, summary, bars, share_values, label_ids]
        options: dict[str, Any] = {
            "concurrency_limit": MAX_CONCURRENT,
            "concurrency_id": "predict",
            "show_progress": "minimal",
            # gradio's own decoding of photos supports fewer formats and fails with a traceback.
            "preprocess": False,
        }
        changed = gr.on(
            [model.input, fit.input, flip.input, opacity.release],
            predict,
            inputs,
            outputs,
            api_name="predict",
            trigger_mode="always_last",
            **options,
        )
        options["api_visibility"] = "private"
        hidden: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        chosen = photo.input(predict_if_any, inputs, outputs, trigger_mode="always_last", **options)
        for attempt in (changed, chosen):
            # An error would stand beside the answer for another photo.
            attempt.failure(lambda: [None] * len(outputs), None, outputs, **hidden)
        page.load(refresh_models, None, model, queue=False, **hidden)
        shown = [samples.click(lambda sample: sample[0], samples, photo, **hidden)]
        if examples:
            page.load(None, js=_name_examples(examples))
            shown.append(page.load(lambda: str(examples[0]), None, photo, **hidden))
        for event in shown:
            event.then(predict_if_any, inputs, outputs, **options)
    page.preprocess_data = _uploads_only(page.preprocess_data, photo)
    page.queue(max_size=MAX_QUEUED, api_open=False)
    return cast("gr.Blocks", page)


def _error(message: str) -> gr.Error:
    # gradio displays the message as HTML, and it may contain a file name chosen by a stranger.
    return gr.Error(html.escape(message, quote=False), title="No prediction", print_exception=False)


def _uploads_only(preprocess: Callable[..., Awaitable[Any]], photo: gr.Image) -> Callable[..., Awaitable[Any]]:
    """Reject with a message what gradio rejects with a traceback or accepts: too few values, photos not uploaded.

    gradio checks files that are described as uploaded, wherever they stand in a value, fetches URLs, and accepts
    folders and any other path on this machine.
    """

    async def preprocessed(call: Any, inputs: list[Any], *rest: Any, **options: Any) -> Any:
        if len(inputs) < len(call.inputs):
            raise _error(f"expected {len(call.inputs)} values, found {len(inputs)}; see “Use via API” below the page")
        for component, value in zip(call.inputs, inputs, strict=False):
            if component is photo and not (value is None or is_upload(value)):
                raise _error(NOT_UPLOADED)
        for path in uploads(inputs):
            if "://" in path:
                raise _error("expected a photo file, found a URL; download the photo first and send the file")
            if os.path.exists(path) and not os.path.isfile(path):
                raise _error(NOT_UPLOADED)
        try:
            return await preprocess(call, inputs, *rest, **options)
        except gr.Error:
            raise
        except FileNotFoundError:
            raise _error(DELETED) from None
        except (OSError, ValueError):
            raise _error(NOT_UPLOADED) from None

    return preprocessed


def _model_choices(service: PredictionService) -> list[tuple[str, str]]:
    first = service.models[0].measured_on

    def title(model: Result) -> str:
        # Scores on different data are not comparable.
        elsewhere = "" if model.measured_on == first else f" on {model.measured_on}"
        return model.id if model.macro_f1 is None else f"{model.id} · macro F1 {model.macro_f1:.3f}{elsewhere}"

    return [(title(model), model.id) for model in service.models]


def _name_examples(examples: Sequence[Path]) -> str:
    """Return JavaScript that names the buttons of the examples for screen readers; gradio shows their images alone."""
    names = json.dumps([f"Example {path.stem.replace('-', ' ')}" for path in examples])
    name = f"(button, place) => (button.ariaLabel = {names}[place])"
    return f"() => document.querySelectorAll('#examples button').forEach({name})"


def theme() -> gr.themes.Base:
    """Return a theme that uses the visitor's own fonts, with greys and blues of a contrast of at least 4.5."""
    fonts: dict[str, Any] = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}
    base = gr.themes.Default(primary_hue="blue", neutral_hue="slate", **fonts)
    return base.set(body_text_color_subdued="*neutral_600", block_info_text_color="*neutral_600")


CSS = """
.gradio-container { max-width: 1280px !important; margin: 0 auto !important; }
footer .divider { display: none; }
/* Inputs stand beside the prediction, and on a narrow screen between the image and its figures. */
#layout { display: grid; grid-template-columns: 1fr; gap: var(--layout-gap); }
@media (min-width: 800px) {
  #layout { grid-template-columns: 5fr 3fr; grid-template-rows: auto 1fr; }
  #inputs { grid-column: 2; grid-row: 1 / span 2; }
}
.gradio-container:not(.dark *) [role="tab"][aria-selected="true"] { color: var(--primary-700); }
#overlay .download-link, #overlay .download-link button { min-width: 24px; min-height: 24px; }
/* The class's colour leads its name, which is readable on the page's own background. */
#classes .legend-item { padding-left: 1.1rem; color: var(--body-text-color);
  background-image: linear-gradient(90deg, transparent 0.75rem, var(--block-background-fill) 0.75rem); }
@media (prefers-reduced-motion: reduce) {
  *, *::before, *::after { animation-duration: 1ms !important; animation-iteration-count: 1 !important;
    transition: none !important; scroll-behavior: auto !important; }
}
#shares ul { list-style: none; margin: 0; padding: 0; }
#shares li { display: grid; grid-template-columns: 7.5rem 1fr 4rem; align-items: center; margin: 0; padding: 1px 0; }
#shares li span:last-child { text-align: right; font-variant-numeric: tabular-nums; }
#shares i { display: block; height: 0.75rem; min-width: 3px; border: 1px solid var(--body-text-color-subdued); }
"""
