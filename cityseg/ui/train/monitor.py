"""How a run is going: its state, figures, curves, classes, pictures and log, renewed in place while it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from cityseg import api
from cityseg.api import Result
from cityseg.errors import CitysegError
from cityseg.figures import runs as figures
from cityseg.figures import theme
from cityseg.ui.app import cache, glossary, session, shell
from cityseg.ui.app.background import duration
from cityseg.ui.common import config_state
from cityseg.ui.train import probes

GOING = ("queued", "running")
BADGES: dict[str, tuple[str, Any, str]] = {
    "queued": (":material/hourglass_top:", "gray", "It begins as soon as a slot of the queue is free."),
    "running": (":material/play_arrow:", "blue", "Its process is at work."),
    "finished": (":material/check:", "green", "It did all its epochs and scored its best weights on val and test."),
    "stopped": (":material/pause:", "orange", "It was asked to stop; resume goes on where it left off."),
    "failed": (":material/error:", "red", "It ended early; the sentence below says why."),
}
_CHOICE = "followed_run"
_PARAMETER = "run"
_REFUSED = "run_refused"
_STOPPING = "run_stopping"
_TICK, _SLOW_TICK = 2.0, 5.0
_NO_CURVES = {
    "queued": "The curves begin with the first steps, once its turn in the queue has come.",
    "finished": "Its weights are the mean of other models', so it has no curves of its own.",
    "running": "The curves begin with the first steps. Until then the frames are being read and made smaller.",
}
_FIGURE_WIDTH = 118
"""Four in a row on a desk, two on a phone, in pixels."""


def look_at(run_id: str) -> None:
    """Make a run the one that is shown; to be called from a callback."""
    st.session_state[_CHOICE] = run_id


def follow() -> None:
    """Show one run, on arrival the newest that is at work or has been, and keep showing it as it goes on."""
    st.subheader("How it is going", anchor=False)
    runs = [result for result in cache.results() if result.source == "run"]
    ids = [result.id for result in runs]
    if not ids:
        st.info(
            "**No training yet.** Choose a preset and press **Start training**: better-1 is the quickest of the "
            "studio's own. The run then shows up here with its curves, its classes and its first pictures.",
            icon=":material/model_training:",
        )
        return
    if st.session_state.get(_CHOICE) not in ids:
        # What waits has nothing to show yet.
        begun = sorted((run for run in runs if run.state != "queued"), key=lambda run: run.state != "running")
        st.session_state[_CHOICE] = session.remembered(_PARAMETER, ids) or [*begun, *runs][0].id
    run_id = st.selectbox("Run", ids, key=_CHOICE, label_visibility="collapsed", help="Newest first.")
    session.remember(_PARAMETER, run_id)
    result = _find(run_id)
    if result is None:
        return
    going = result.state in GOING
    st.fragment(_head, run_every=_TICK if going else None)(run_id, going)
    curves, classes, pictures, log = st.tabs(["Curves", "Classes", "Pictures", "Log and settings"])
    with curves:
        st.fragment(_curves, run_every=_TICK if going else None)(run_id)
    with classes:
        st.fragment(_classes, run_every=_SLOW_TICK if going else None)(run_id)
    with pictures:
        st.fragment(probes.show, run_every=_SLOW_TICK if going else None)(run_id)
    with log:
        st.fragment(_log, run_every=_SLOW_TICK if going else None)(run_id)


def _find(run_id: str) -> Result | None:
    try:
        return api.find_result(run_id)
    except CitysegError as error:
        st.error(f"This run cannot be read. {error}", icon=":material/error:")
        return None


def _head(run_id: str, going: bool) -> None:
    """Show state, figures, progress and actions; when the run has ended, the page is told once."""
    result = _find(run_id)
    if result is None:
        return
    if (result.state in GOING) != going:
        st.rerun()
    _actions(result)
    _figures(result)
    if result.state in GOING:
        share, words = shell.training_progress(result)
        st.progress(share, text=_pace(result) or words[0].upper() + words[1:])
    if result.state == "failed":
        st.error(f"**This run failed.** {result.error or 'No reason was left behind.'}", icon=":material/error:")


def _figures(result: Result) -> None:
    epochs = result.run.epochs()
    best = max(epochs, key=lambda line: line["val"]["macro"]["f1"] or 0.0, default=None)
    # A mean of models was never trained: it has their epochs and scores of its own, and no history.
    scored = best["val"]["macro"] if best else result.scores.get("val", {}).get("macro", {})
    done = len(epochs) or result.epochs_done
    going = result.state in GOING
    left = (result.progress or {}).get("seconds_left") if going else result.seconds
    with st.container(horizontal=True, gap="small"):
        st.metric(
            "Epochs",
            f"{done} / {result.config.epochs}",
            help="Finished passes over the training split, and how many there will be.",
            width=_FIGURE_WIDTH,
        )
        st.metric(
            "Macro F1",
            glossary.score(scored.get("f1")),
            help=f"Best epoch so far, on val. {glossary.SCORES['f1'][1]}",
            width=_FIGURE_WIDTH,
        )
        st.metric(
            "Mean IoU",
            glossary.score(scored.get("iou")),
            help=f"Same epoch, on val. {glossary.SCORES['iou'][1]}",
            width=_FIGURE_WIDTH,
        )
        st.metric(
            "Time left" if going else "Training time",
            duration(left) if left else glossary.ABSENT,
            help="From the pace so far." if going else "Without decoding the data, which is done once per size.",
            width="content",
        )


def _pace(result: Result) -> str:
    """Return the running figures in a line; they end where the weights are scored after the last step."""
    now = result.progress
    if not now or not now.get("steps"):
        return ""
    if now["step"] >= now["steps"]:
        return "All steps done: scoring the best weights on val and test"
    return (
        f"Epoch {now['epoch']} of {now['epochs']} · step {now['step']:,} of {now['steps']:,} · "
        f"{now['frames_per_second']:.1f} frames/s · loss {now['loss']:.3f}"
    )


def _actions(result: Result) -> None:
    pressed = False
    icon, color, meaning = BADGES[result.state]
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.badge(result.state, icon=icon, color=color, help=meaning)
        st.space("stretch")
        if result.state == "running":
            stopping = st.session_state.get(_STOPPING) == result.id
            pressed |= _button(
                "Stopping after this step" if stopping else "Stop",
                ":material/pause:",
                "It finishes its step, keeps all it has learnt and can be resumed.",
                api.stop,
                result.id,
                disabled=stopping,
            )
        if result.state in ("stopped", "failed") and "averaged" not in result.run.describe():
            pressed |= _button(
                "Resume",
                ":material/play_arrow:",
                "Go on from the last weights that were kept, or from the beginning if there are none.",
                api.resume,
                result.id,
            )
        st.button(
            "Clone",
            icon=":material/content_copy:",
            help="Fill the settings on the left with this run's, to change something and train again.",
            key=f"clone_{result.id}",
            on_click=config_state.fill,
            args=(result.config,),
        )
        pressed |= bool(st.session_state.get(f"clone_{result.id}"))
        if result.state not in GOING:
            with st.popover("Delete", icon=":material/delete:"):
                st.markdown(f"Delete **{result.id}** with its weights, curves and pictures? It cannot be brought back.")
                pressed |= _button(
                    "Delete for good", ":material/delete_forever:", "", api.delete, result.id, kind="primary"
                )
    if (refused := st.session_state.get(_REFUSED)) and refused[0] == result.id:
        st.error(refused[1], icon=":material/error:")
    elif pressed:
        # The choice of runs and the ticking are the page's, not this fragment's.
        st.rerun()


def _button(
    label: str,
    icon: str,
    help_text: str,
    verb: Callable[[str], None],
    run_id: str,
    *,
    kind: Any = "secondary",
    disabled: bool = False,
) -> bool:
    return st.button(
        label,
        icon=icon,
        help=help_text or None,
        key=f"{verb.__name__}_{run_id}",
        type=kind,
        disabled=disabled,
        on_click=_act,
        args=(verb, run_id),
    )


def _act(verb: Callable[[str], None], run_id: str) -> None:
    """Do what a button asks; what was refused is kept for beside the buttons."""
    st.session_state[_REFUSED] = None
    st.session_state[_STOPPING] = run_id if verb is api.stop else None
    try:
        verb(run_id)
    except CitysegError as error:
        st.session_state[_STOPPING] = None
        st.session_state[_REFUSED] = (run_id, str(error))


def _curves(run_id: str) -> None:
    result = _find(run_id)
    if result is None:
        return
    history, epochs = result.run.history(), result.run.epochs()
    if not history:
        st.caption(_NO_CURVES.get(result.state, "It ended before its first step, so there are no curves."))
        return
    color = theme.run_color(run_id)
    st.plotly_chart(
        figures.training_curve(history, color),
        key=f"loss_{run_id}",
        config={"displayModeBar": False},
        alt=f"Training and validation loss of {run_id} over its steps, with the learning rate",
    )
    st.caption(
        "Falling is learning. When val turns up while train still falls, the network learns frames by heart. "
        + glossary.only_on_train({run_id: result.config})
    )
    if epochs:
        st.plotly_chart(
            figures.validation_curve(epochs, color, result.config.epochs),
            key=f"val_{run_id}",
            config={"displayModeBar": False},
            alt=f"Macro F1 and mean IoU of {run_id} on the validation split after each epoch",
        )
        st.caption("Each point is the whole val split after an epoch; the weights of the highest macro F1 are kept.")


def _classes(run_id: str) -> None:
    result = _find(run_id)
    epochs = result.run.epochs() if result else []
    scores = epochs[-1]["val"] if epochs else result.scores.get("val") if result else None
    if not scores:
        st.caption("Class by class, as soon as the first epoch has been scored.")
        return
    when = f"On val after epoch {epochs[-1]['epoch']}" if epochs else "On val"
    metric = st.segmented_control(
        "Score",
        list(glossary.SCORES),
        default="f1",
        required=True,
        format_func=lambda key: glossary.SCORES[key][0],
        key="class_metric",
        help="\n\n".join(f"**{name}**: {meaning}" for name, meaning in glossary.SCORES.values()),
    )
    st.plotly_chart(
        figures.class_bars(scores["per_class"], metric, session.palette()),
        key=f"classes_{run_id}",
        config={"displayModeBar": False},
        alt=f"{glossary.SCORES[metric][0]} of {run_id} per class, {when[0].lower()}{when[1:]}",
    )
    above = scores["classes_above_zero"]
    st.caption(
        f"{when}: {above} of 19 classes are found at all. "
        "A dash: the class occurs neither in the truth nor in the prediction."
    )


def _log(run_id: str) -> None:
    result = _find(run_id)
    if result is None:
        return
    description = result.run.describe()
    lines = {
        "Data": result.data or glossary.ABSENT,
        "Device": description.get("device", glossary.ABSENT),
        **{
            glossary.label(field): glossary.setting(field, value) for field, value in result.config.model_dump().items()
        },
    }
    text = result.run.log_tail()
    with st.expander("Last lines of the log", icon=":material/terminal:", expanded=result.state == "failed"):
        st.code(text or "Nothing was written.", language=None, wrap_lines=True, height=260)
    st.table(lines, border="horizontal")
