"""The demo's page and its named endpoint."""

from __future__ import annotations

import html
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components.annotated_image import AnnotatedImageData, Annotation
from gradio.data_classes import FileData

from cityseg.api import Result
from cityseg.api.types import FITS, KINDS, MAX_PIXELS, Fit
from cityseg.demo import rendering
from cityseg.demo.prediction_service import Looker, macro_f1
from cityseg.demo.request import NOT_UPLOADED, asked, calls_itself_uploaded
from cityseg.errors import CitysegError

KEPT_SECONDS = 600
"""How long the files of an answer, the photo among them, lie on the server's disk."""
SWEPT_SECONDS = 30
"""How often files are looked through for such that are older."""
AT_ONCE = 2
"""Photos that are predicted at the same time; the others wait in line."""
LONGEST_LINE = 64
_TITLE = "What a model sees in a street"
_WHAT = (
    "A small neural network names every pixel of a street photo as one of the 19 Cityscapes classes. It is a study "
    "object: it learned from small daylight frames of one region and is often wrong elsewhere, so rely on it for "
    "nothing that matters."
)
_KEPT = (
    f"Photos are used for the answer alone: their files are deleted after {KEPT_SECONDS // 60} minutes, and no place "
    "or camera data is written into a result."
)
_TERMS = "The shipped weights were learned from Cityscapes and follow its terms: non-commercial research only."
_HOW_SLIDER = (
    "Drag the line: the photo is on its left, the model's view on its right. Each class has its Cityscapes colour, and "
    "the bars below say how much of the picture it covers."
)
_HOW_CLASSES = "Point at a name to see where the model finds that class."
_FIT_WORDS: dict[Fit, str] = {
    "stretch": "stretched",
    "letterbox": "whole, with margins",
    "crop": "the middle",
    "tiles": "in tiles, closer",
}


def build(looker: Looker, examples: Sequence[Path]) -> gr.Blocks:
    """Lay out the page.

    Args:
        looker: knows the models, of which the first one is chosen on arrival.
        examples: photos to click; the first one is answered on arrival.
    """
    with gr.Blocks(
        title=_TITLE, analytics_enabled=False, delete_cache=(SWEPT_SECONDS, KEPT_SECONDS), fill_width=False
    ) as page:
        gr.Markdown(f"# {_TITLE}\n{_WHAT}")
        with gr.Row(elem_id="layout"):
            with gr.Column(elem_id="seen"):
                with gr.Tab("Photo and overlay"):
                    slider = gr.ImageSlider(
                        label="Photo and overlay",
                        show_label=False,
                        format="jpeg",
                        interactive=False,
                        max_height=560,
                        elem_id="overlay",
                    )
                    gr.Markdown(_HOW_SLIDER)
                with gr.Tab("Class by class"):
                    classes = gr.AnnotatedImage(
                        label="Class by class",
                        show_label=False,
                        format="jpeg",
                        color_map=rendering.color_map(),
                        elem_id="classes",
                    )
                    # Its files are written already, smaller and sooner than it would.
                    classes.postprocess = lambda value: value
                    gr.Markdown(_HOW_CLASSES)
                summary = gr.Markdown(label="In words", elem_id="summary")
            with gr.Column(elem_id="asked"):
                photo = gr.Image(
                    label="Photo of a street",
                    type="filepath",
                    height=200,
                    buttons=[],
                    elem_id="photo",
                )
                photo.async_move_resource_to_block_cache = _files_only(photo.async_move_resource_to_block_cache)
                streets = gr.Dataset(
                    components=[photo],
                    samples=[[str(path)] for path in examples],
                    label="Or a street that the studio has drawn",
                    elem_id="examples",
                    visible=bool(examples),
                )
                model = gr.Dropdown(
                    _model_choices(looker),
                    value=looker.models[0].id,
                    label="Model",
                    info="Best first by macro F1: the mean over 19 classes of precision and recall in one, 0 to 1.",
                    filterable=False,
                )
                fit = gr.Radio(
                    [(_FIT_WORDS[name], name) for name in FITS],
                    value="stretch",
                    label="How the model is shown the photo",
                    info="Its own shape is twice as wide as high.",
                )
                flip = gr.Checkbox(False, label="Also look at the mirrored photo, and average")
                opacity = gr.Slider(0, 1, 0.55, step=0.05, label="Opacity of the colours", buttons=[])
            with gr.Column(elem_id="counted"):
                bars = gr.HTML(label="Shares as bars", elem_id="shares")
                shares = gr.JSON(label="Shares", visible=False)
                label_ids = gr.DownloadButton("Download the label ids, 0 to 33, as PNG", size="sm", elem_id="label-ids")
        gr.Markdown(f"{_KEPT} {KINDS}, up to {MAX_PIXELS // 10**6} megapixels. {_TERMS}")

        files = Path(label_ids.GRADIO_CACHE)

        def predict(photo: Any, model: Any, fit: Any, flip: Any, opacity: Any) -> tuple[Any, ...]:
            """Name the class of every pixel of a street photo; returns pictures, shares and official label ids."""
            try:
                request = asked(photo, model, fit, flip, opacity, looker.names(model), files)
                answer = looker.look(request.photo, request.model, request.fit, flip=request.flip)
            except CitysegError as error:
                raise _refused(str(error)) from None
            except OSError:
                raise _refused(
                    f"expected a photo of the last {KEPT_SECONDS // 60} minutes, found one that is deleted; "
                    "give it again"
                ) from None
            return (
                rendering.slider(answer, request.opacity),
                _annotated(*rendering.write_annotated(answer, request.opacity, Path(classes.GRADIO_CACHE))),
                rendering.summary(answer, request.model),
                rendering.bars(answer.prediction.shares()),
                answer.prediction.shares(),
                rendering.write_label_ids(answer, files),
            )

        def refresh(photo: Any, *choices: Any) -> Any:
            """Answer anew, unless the photo was just taken away."""
            return gr.skip() if photo is None else predict(photo, *choices)

        def list_anew() -> Any:
            looker.refresh()
            return gr.Dropdown(choices=_model_choices(looker))

        inputs = [photo, model, fit, flip, opacity]
        outputs = [slider, classes, summary, bars, shares, label_ids]
        line: dict[str, Any] = {
            "concurrency_limit": AT_ONCE,
            "concurrency_id": "predict",
            "show_progress": "minimal",
            # gradio's own reading of photos knows fewer kinds, and what it refuses it refuses with a traceback.
            "preprocess": False,
        }
        gr.on(
            [model.input, fit.input, flip.input, opacity.release],
            predict,
            inputs,
            outputs,
            api_name="predict",
            trigger_mode="always_last",
            **line,
        )
        hidden: dict[str, Any] = {"api_visibility": "private"}
        photo.input(refresh, inputs, outputs, trigger_mode="always_last", **hidden, **line)
        streets.click(_first, streets, photo, show_progress="hidden", **hidden).then(
            refresh, inputs, outputs, **hidden, **line
        )
        page.load(list_anew, None, model, show_progress="hidden", queue=False, **hidden)
        if examples:
            page.load(lambda: str(examples[0]), None, photo, show_progress="hidden", **hidden).then(
                refresh, inputs, outputs, **hidden, **line
            )
    page.preprocess_data = _uploads_only(page.preprocess_data, photo)
    page.queue(max_size=LONGEST_LINE, api_open=False)
    return page


def _annotated(photo: str, masks: Sequence[tuple[str, str]]) -> AnnotatedImageData:
    annotations = [Annotation(image=FileData(path=path), label=name) for path, name in masks]
    return AnnotatedImageData(image=FileData(path=photo), annotations=annotations)


def _refused(sentence: str) -> gr.Error:
    # gradio shows a message as HTML, and this one can hold a stranger's file name.
    return gr.Error(html.escape(sentence, quote=False), title="This cannot be answered", print_exception=False)


def _files_only(move: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Let only files in: gradio would fetch an address that a program sends in a photo's place."""

    async def moved(path: Any) -> Any:
        if "://" in str(path):
            raise _refused("expected a photo file, found an address; save the photo first and send the file")
        return await move(path)

    return moved


def _uploads_only(preprocess: Callable[..., Awaitable[Any]], photo: gr.Image) -> Callable[..., Awaitable[Any]]:
    """Refuse in a sentence what gradio would refuse with a traceback, or not at all: too few values, odd photos.

    gradio looks after files that call themselves uploaded, and lets any other path on this machine pass.
    """

    async def preprocessed(call: Any, inputs: list[Any], *rest: Any, **options: Any) -> Any:
        if len(inputs) < len(call.inputs):
            raise _refused(f"expected {len(call.inputs)} values, found {len(inputs)}; see “Use via API” below the page")
        for part, value in zip(call.inputs, inputs, strict=False):
            if part is photo and not (value is None or calls_itself_uploaded(value)):
                raise _refused(NOT_UPLOADED)
        try:
            return await preprocess(call, inputs, *rest, **options)
        except gr.Error:
            raise
        except ValueError:
            raise _refused(NOT_UPLOADED) from None

    return preprocessed


def _first(sample: list[str]) -> str:
    return sample[0]


def _model_choices(looker: Looker) -> list[tuple[str, str]]:
    return [(_model_words(model), model.id) for model in looker.models]


def _model_words(model: Result) -> str:
    score = macro_f1(model)
    return model.id if score is None else f"{model.id} · macro F1 {score:.3f}"


def theme() -> gr.themes.Base:
    """Return a theme whose fonts are the visitor's own."""
    return gr.themes.Default(
        primary_hue="blue",
        neutral_hue="slate",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )


CSS = """
.gradio-container { max-width: 1280px !important; margin: 0 auto !important; }
footer .divider { display: none; }
/* What was asked stands beside the answer, and on a narrow screen between the picture and its figures. */
#layout { display: grid; grid-template-columns: 1fr; gap: var(--layout-gap); }
@media (min-width: 800px) {
  #layout { grid-template-columns: 5fr 3fr; grid-template-rows: auto 1fr; }
  #asked { grid-column: 2; grid-row: 1 / span 2; }
}
#shares ul { list-style: none; margin: 0; padding: 0; }
#shares li { display: grid; grid-template-columns: 7.5rem 1fr 4rem; align-items: center; margin: 0; padding: 1px 0; }
#shares li span:last-child { text-align: right; font-variant-numeric: tabular-nums; }
#shares i { display: block; height: 0.75rem; min-width: 3px; border: 1px solid var(--body-text-color-subdued); }
"""
