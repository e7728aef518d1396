"""The demo: one page that says what a model sees in a photo, for a link that others open; ``/predict`` for programs.

It is a front of its own, beside the app and the command line, and the only place that imports gradio. It asks nothing
of the network: examples are drawn, fonts are the visitor's own, and addresses in place of photos are refused.
"""

from __future__ import annotations

import functools
import html
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Read when gradio is loaded, whose libraries would tell their makers of every start.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import gradio as gr
import numpy as np
from PIL import Image
from starlette.middleware import Middleware

from cityseg import api, labels
from cityseg.api import Result
from cityseg.checkpoint import WEIGHTS
from cityseg.data.images import resize_photo
from cityseg.data.synthetic import render
from cityseg.data.synthetic.weather import Daytime, Weather
from cityseg.engine.signals import stop_signals
from cityseg.errors import CitysegError, UsageError
from cityseg.figures.overlay import overlay
from cityseg.figures.shares import percent_text
from cityseg.fit import FITS, Fit
from cityseg.inference import Prediction, Predictor
from cityseg.labels import CLASS_NAMES, PALETTE
from cityseg.photos import KINDS, MAX_PIXELS, decode_photo

PORT = 7860
EXAMPLES = 4
"""Streets that are drawn for visitors without a photo."""
MOST_EXAMPLES = 12
KEPT_SECONDS = 600
"""How long the files of an answer, the photo among them, lie on the server's disk."""
SWEPT_SECONDS = 30
"""How often files are looked through for such that are older."""
LARGEST_FILE = "100mb"
AT_ONCE = 2
"""Photos that are predicted at the same time; the others wait in line."""
LONGEST_LINE = 64
_LOADED_MODELS = 4
_SHOWN, _ANNOTATED = 1280, 640
"""Longest side, in pixels, of the pictures in the page; label ids have the photo's own size."""
_SKIES: tuple[tuple[Weather, Daytime], ...] = (("clear", "day"), ("rain", "day"), ("clear", "dusk"), ("fog", "day"))
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


class _OwnHostOnly:
    """Tells browsers to ask no other host for anything, whatever a library's page would like to load."""

    _POLICY = (
        b"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; form-action 'self'; base-uri 'self'; "
        b"object-src 'none'"
    )

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", self._POLICY)]
            await send(message)

        await self.app(scope, receive, answer)


def usable_models(names: Sequence[str] = (), runs: Path | None = None) -> list[Result]:
    """List the models of the demo, best first by macro F1 on test, else on val.

    Args:
        names: runs, shipped models or folders; all shipped models and finished runs where none is named.
        runs: folder of runs.

    Raises:
        UsageError: an unknown name, or no model at all.
    """
    if names:
        return [api.find_result(name, runs) for name in dict.fromkeys(names)]
    found = [
        result
        for result in api.list_results(runs)
        if result.state == "finished" and (result.run.checkpoint / WEIGHTS).is_file()
    ]
    if not found:
        raise UsageError("expected a shipped model or a finished run, found none; train one first")
    return sorted(found, key=lambda result: (-(_f1(result) or 0), result.id))


def _f1(result: Result) -> float | None:
    test = result.score("test", "f1")
    return result.score("val", "f1") if test is None else test


@dataclass(frozen=True)
class Answer:
    """A photo and what a model sees in it.

    Attributes:
        photo: (H, W, 3) uint8.
        prediction: at the photo's own size.
        name: the photo's file name without its ending, what files are named after.
        milliseconds: time from file to label map.
    """

    photo: np.ndarray
    prediction: Prediction
    name: str
    milliseconds: float


class Looker:
    """Answers what models see in photo files.

    Args:
        models: the models that may be asked.
    """

    def __init__(self, models: Sequence[Result]) -> None:
        self._folders = {model.id: model.run.folder for model in models}
        self._loaded = functools.lru_cache(_LOADED_MODELS)(api.load_predictor)

    def predictor(self, model: str) -> Predictor:
        """Return a model that stays loaded while it is among the last ones asked; raises what loading raises."""
        return self._loaded(str(self._folders[model]))

    def look(self, path: Path, model: str, fit: Fit, *, flip: bool) -> Answer:
        """Predict a photo file.

        Raises:
            DataError, CheckpointError, UsageError: no photo, a damaged model, no such fit.
            OSError: the file is not there, or cannot be read.
        """
        begun = time.perf_counter()
        photo = decode_photo(path.read_bytes(), path.name)
        prediction = self.predictor(model).predict(photo, fit, flip=flip)
        return Answer(photo, prediction, path.stem, (time.perf_counter() - begun) * 1000)


def draw_examples(folder: Path, count: int) -> list[Path]:
    """Draw streets in different weather as JPEG files."""
    paths = []
    for number in range(count):
        weather, daytime = _SKIES[number % len(_SKIES)]
        path = folder / f"street-{number + 1}-{weather}-{daytime}.jpg"
        photo = render(number + 1, size=(256, 512), weather=weather, daytime=daytime).photo
        Image.fromarray(photo).save(path, quality=92)
        paths.append(path)
    return paths


def build(models: Sequence[Result], examples: Sequence[Path]) -> gr.Blocks:
    """Lay out the page.

    Args:
        models: the first one is chosen on arrival.
        examples: photos to click; the first one is answered on arrival.
    """
    looker = Looker(models)
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
                        color_map=_color_map(),
                        elem_id="classes",
                    )
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
                # gradio's own reading knows fewer kinds and refuses without a sentence; the file itself is wanted.
                photo.preprocess = lambda payload: payload and payload.path
                photo.async_move_resource_to_block_cache = _files_only(photo.async_move_resource_to_block_cache)
                streets = gr.Dataset(
                    components=[photo],
                    samples=[[str(path)] for path in examples],
                    label="Or a street that the studio has drawn",
                    elem_id="examples",
                    visible=bool(examples),
                )
                model = gr.Dropdown(
                    [(_model_words(model), model.id) for model in models],
                    value=models[0].id,
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

        def predict(photo: str | None, model: str, fit: Fit, flip: bool, opacity: float) -> tuple[Any, ...]:
            """Name the class of every pixel of a street photo; returns pictures, shares and official label ids."""
            if photo is None:
                raise _refused("expected a photo, found none; choose one, or click a drawn street")
            try:
                answer = looker.look(Path(photo), model, fit, flip=flip)
            except CitysegError as error:
                raise _refused(str(error)) from None
            except OSError:
                raise _refused(
                    f"expected a photo of the last {KEPT_SECONDS // 60} minutes, found one that is deleted; "
                    "give it again"
                ) from None
            return (
                _slider(answer, opacity),
                _annotated(answer, opacity),
                _summary(answer, model),
                _bars(answer.prediction.shares()),
                answer.prediction.shares(),
                _write_label_ids(answer, Path(label_ids.GRADIO_CACHE)),
            )

        def refresh(photo: str | None, *choices: Any) -> Any:
            """Answer anew, unless the photo was just taken away."""
            return gr.skip() if photo is None else predict(photo, *choices)

        inputs = [photo, model, fit, flip, opacity]
        outputs = [slider, classes, summary, bars, shares, label_ids]
        line: dict[str, Any] = {"concurrency_limit": AT_ONCE, "concurrency_id": "predict", "show_progress": "minimal"}
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
        if examples:
            page.load(lambda: str(examples[0]), None, photo, show_progress="hidden", **hidden).then(
                refresh, inputs, outputs, **hidden, **line
            )
    page.queue(max_size=LONGEST_LINE, api_open=False)
    return page


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


def _first(sample: list[str]) -> str:
    return sample[0]


def _model_words(model: Result) -> str:
    score = _f1(model)
    return model.id if score is None else f"{model.id} · macro F1 {score:.3f}"


def _color_map() -> dict[str, str]:
    return {name: "#" + bytes(PALETTE[index]).hex() for index, name in enumerate(CLASS_NAMES)}


def _shown_size(photo: np.ndarray, longest: int) -> tuple[int, int]:
    scale = min(1.0, longest / max(photo.shape[:2]))
    return max(1, round(photo.shape[0] * scale)), max(1, round(photo.shape[1] * scale))


def _nearest(train_ids: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    rows, columns = ((np.arange(wanted) * full) // wanted for wanted, full in zip(size, train_ids.shape, strict=True))
    return train_ids[rows[:, None], columns]


def _slider(answer: Answer, opacity: float) -> tuple[np.ndarray, np.ndarray]:
    size = _shown_size(answer.photo, _SHOWN)
    photo = resize_photo(answer.photo, size)
    return photo, overlay(photo, _nearest(answer.prediction.train_ids, size), opacity)


def _annotated(answer: Answer, opacity: float) -> tuple[np.ndarray, list[tuple[np.ndarray, str]]]:
    size = _shown_size(answer.photo, _ANNOTATED)
    train_ids = _nearest(answer.prediction.train_ids, size)
    masks = [(name, train_ids == CLASS_NAMES.index(name)) for name in answer.prediction.shares()]
    return resize_photo(answer.photo, size), [(mask * opacity, name) for name, mask in masks if mask.any()]


def _summary(answer: Answer, model: str) -> str:
    height, width = answer.photo.shape[:2]
    prediction = answer.prediction
    return (
        f"**{model}** took {answer.milliseconds:,.0f} ms from file to label map, "
        f"{prediction.milliseconds:,.0f} ms of it for the model · {width:,} × {height:,} pixels · mean confidence "
        f"{100 * prediction.confidence.mean():.0f} %, which is how probable the model holds its own answer; "
        "sure is not always right."
    )


def _bars(shares: dict[str, float]) -> str:
    colors = _color_map()
    rows = "".join(
        f'<li><span>{name}</span><span><i style="width:{100 * share:.2f}%;background:{colors[name]}"></i></span>'
        f"<span>{percent_text(share)}</span></li>"
        for name, share in shares.items()
    )
    return f'<ul aria-label="Share of the picture by class">{rows}</ul>'


def _write_label_ids(answer: Answer, folder: Path) -> str:
    """Write the official ids, grey values 0 to 33, as ``cityseg predict`` does; gradio deletes the file in time."""
    path = Path(tempfile.mkdtemp(dir=folder)) / f"{answer.name}_labelIds.png"
    Image.fromarray(labels.to_label_ids(answer.prediction.train_ids)).save(path)
    return str(path)


@contextmanager
def running(
    names: Sequence[str] = (),
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    examples: int = EXAMPLES,
    runs: Path | None = None,
) -> Iterator[str]:
    """Serve the demo inside the block and give its address; afterwards no file of a visitor is left.

    Args:
        names: MODELs to offer, see ``usable_models``; the first one is chosen on arrival.
        host: name or address to listen at; ``0.0.0.0`` is every one this machine has.
        port: to listen at.
        examples: streets to draw, up to ``MOST_EXAMPLES``.
        runs: folder of runs.

    Raises:
        UsageError: an unknown model, a port that is taken, a host that this machine is not, or too many examples.
        CheckpointError: a damaged model.
    """
    if not 0 <= examples <= MOST_EXAMPLES:
        raise UsageError(f"expected 0 to {MOST_EXAMPLES} examples, found {examples}")
    models = usable_models(names, runs)
    api.load_predictor(str(models[0].run.folder))
    _check_free(host, port)
    before = os.environ.get("GRADIO_TEMP_DIR")
    with tempfile.TemporaryDirectory(prefix="cityseg-demo-", ignore_cleanup_errors=True) as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        page = build(models, draw_examples(Path(folder), examples))
        try:
            page.launch(
                server_name=host,
                server_port=port,
                share=False,
                inbrowser=False,
                prevent_thread_lock=True,
                quiet=True,
                show_error=False,
                max_file_size=LARGEST_FILE,
                ssr_mode=False,
                mcp_server=False,
                run_history=False,
                enable_monitoring=False,
                footer_links=["api"],
                app_kwargs={"middleware": [Middleware(_OwnHostOnly)]},
                theme=_theme(),
                css=_CSS,
            )
            yield f"http://{host}:{port}"
        finally:
            page.close(verbose=False)
            if before is None:
                del os.environ["GRADIO_TEMP_DIR"]
            else:
                os.environ["GRADIO_TEMP_DIR"] = before


def serve(
    names: Sequence[str] = (),
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    examples: int = EXAMPLES,
    runs: Path | None = None,
    on_start: Callable[[str], None] | None = None,
) -> None:
    """Serve the demo until the process is asked to stop (SIGTERM, Ctrl-C); see ``running``.

    Args:
        on_start: called with the address as soon as it answers.
    """
    heard: list[str] = []
    with stop_signals(heard.append), running(names, host=host, port=port, examples=examples, runs=runs) as address:
        if on_start:
            on_start(address)
        while not heard:
            time.sleep(0.2)


def _check_free(host: str, port: int) -> None:
    if not 1 <= port <= 65535:
        raise UsageError(f"expected a port from 1 to 65535, found {port}")
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as error:
        raise UsageError(
            f"{host}:{port}: expected an address of this machine and a free port, found {error.strerror or error}; "
            "choose others with --host and --port"
        ) from None


def _theme() -> gr.themes.Base:
    return gr.themes.Default(
        primary_hue="blue",
        neutral_hue="slate",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )


_CSS = """
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
