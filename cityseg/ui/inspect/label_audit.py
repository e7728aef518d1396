"""The label audit: places where a sure model and the label disagree, to be judged one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from cityseg import api
from cityseg.analysis.errors import label_audit as judging
from cityseg.analysis.errors.label_audit import VERDICTS, Disagreement, Verdict
from cityseg.analysis.errors.ranking_metric import RankingMetric, confusion_name
from cityseg.api import DataInfo, LabelAudit
from cityseg.api.types import summarize
from cityseg.classes import CLASS_NAMES
from cityseg.errors import CitysegError
from cityseg.figures.class_shares import percent_text
from cityseg.ui.app import glossary, session, url_state
from cityseg.ui.common import frames, job_panel
from cityseg.ui.common.gallery import Thumbnail, gallery
from cityseg.ui.common.measured_split import MeasuredSplit
from cityseg.ui.inspect import confusions
from cityseg.ui.inspect.ranking_metric import ask_for

_PAGE = 8
_SURE, _REGION = "sure", "inspect_region"
_ICONS: dict[Verdict, str] = {"label wrong": "label_off", "model wrong": "robot_2", "unsure": "question_mark"}
_MARKS: dict[Verdict, str] = {
    "label wrong": "✗ label wrong",
    "model wrong": "✗ model wrong",
    "unsure": "? unsure",
}


def stored(subject: MeasuredSplit) -> LabelAudit | None:
    """Return the audit of this result on this split, if there is one of its present weights and data."""
    fingerprint = str(subject.result.scores.get(subject.split, {}).get("fingerprint", ""))
    try:
        file = api.audit_file(subject.result.run, subject.split)
        if not file.is_file():
            return None
        weights = subject.result.run.checkpoint / "model.safetensors"
        versions = (file.stat().st_mtime_ns, weights.stat().st_mtime_ns)
    except (CitysegError, OSError):
        # A run that is being deleted.
        return None
    return _stored(subject.result.id, subject.split, fingerprint, versions)


@st.cache_resource(show_spinner=False, max_entries=4)
def _stored(model: str, split: Any, fingerprint: str, versions: tuple[int, int]) -> LabelAudit | None:
    return api.find_audit(model, split, fingerprint)


def offer(subject: MeasuredSplit, key: str) -> None:
    """Show the button that looks through the split, its progress, and how it ended.

    Args:
        subject: what is inspected.
        key: tells several places of the page apart.
    """
    model, spec, split = subject.result.id, session.data_spec(), subject.split
    job_panel.offer(
        ("audit", spec, model, split),
        lambda note: api.audit_labels(model, spec, split, on_progress=note),
        key=f"audit_{key}",
        label=f"Look through all {len(subject.names):,} frames",
        icon=":material/frame_inspect:",
        title=f"{model} looks through {split}",
        meaning="The model predicts every frame of the split once more, beside the page; a large model on a processor "
        "takes about a minute. The result is kept. The same as `cityseg audit`.",
        stale=f"The audit is done, but {model} has other weights by now, or was measured on other labels than those "
        "connected. Connect the data it was measured on, or look through it once more.",
    )


def show(subject: MeasuredSplit, measure: RankingMetric, info: DataInfo | None) -> None:
    """Show the disagreements with their verdicts, and what the score is without the wrong labels."""
    if info is None:
        st.caption("The audit needs the frames themselves; connect the data the result was measured on.")
        return
    audit = stored(subject)
    if audit is None:
        st.markdown(
            "**Is it the model that is wrong, or the label?** Labels have mistakes, and a good model finds many of "
            "them: the places where it is sure and the label says something else. The audit collects these places over "
            "the whole split, largest first; you judge them, and see the score without the labels you judged wrong."
        )
        offer(subject, key="audit")
        return
    try:
        verdicts = api.read_verdicts(audit)
    except CitysegError as error:
        st.error(str(error), icon=":material/error:")
        return
    _scores(audit, verdicts)
    sure = st.slider(
        "Model at least this sure",
        5,
        99,
        round(100 * api.AUDIT_CONFIDENCE),
        format="%d %%",
        key=_SURE,
        bind="query-params",
        width=420,
        help="Least mean probability of what the model says, over a region. Lower it where a model is sure of nothing.",
    )
    found = judging.largest_first(audit.found, sure / 100)
    if not found:
        st.info(
            f"{subject.result.id} disagrees nowhere with {sure} % certainty or more. Lower the slider, or audit with a "
            "better model: the surer the model, the more its disagreements say about the labels.",
            icon=":material/search_off:",
        )
        return
    _judge(subject, audit, found, verdicts, info)


def _scores(audit: LabelAudit, verdicts: Mapping[str, Verdict]) -> None:
    honest = summarize(audit.matrices)
    cleaned = summarize(judging.exclude(audit.matrices, audit.found, verdicts, "label wrong"))
    judged = [verdicts.get(each.key) for each in audit.found]
    figures = (
        ("Macro F1", honest["macro"]["f1"], cleaned["macro"]["f1"], glossary.SCORES["f1"][1]),
        ("Mean IoU", honest["macro"]["iou"], cleaned["macro"]["iou"], glossary.SCORES["iou"][1]),
        ("Pixel accuracy", honest["pixel_accuracy"], cleaned["pixel_accuracy"], glossary.PIXEL_ACCURACY),
    )
    with st.container(horizontal=True, gap="small"):
        for words, before, after, meaning in figures:
            st.metric(
                f"{words}, honest",
                glossary.score(before),
                f"{glossary.score(after)} without wrong labels",
                delta_color="off",
                delta_arrow="off",
                help=f"{meaning} Honest: all labels as they are. Below it the same without the regions judged "
                "'label wrong', which are left out as if they were void; do not publish it as the model's score.",
                width=210,
            )
        st.metric(
            "Judged",
            f"{len(judged) - judged.count(None):,}",
            " · ".join(f"{judged.count(verdict)} {verdict}" for verdict in VERDICTS),
            delta_color="off",
            delta_arrow="off",
            help=f"Verdicts are kept in {audit.verdict_file}.",
            width=280,
        )


def _judge(
    subject: MeasuredSplit,
    audit: LabelAudit,
    found: list[Disagreement],
    verdicts: Mapping[str, Verdict],
    info: DataInfo,
) -> None:
    numbers = {each.key: number for number, each in enumerate(audit.found, start=1)}
    names = [str(numbers[each.key]) for each in found]
    first = next((name for name, each in zip(names, found, strict=True) if each.key not in verdicts), names[0])
    number = url_state.settle(_REGION, "region", names, first)
    url_state.keep(_REGION, "region", number)
    place = names.index(number)
    chosen = found[place]
    left, right = st.columns([3, 2], gap="large")
    with left:
        large = Thumbnail(chosen.name, "", "", _crop(subject, audit, chosen, info))
        if gallery(
            [large], key="inspect_place", label="The place", aspect=1.5, cell=320, narrow=320, target="inspect_picture"
        ):
            ask_for(confusion_name(chosen.region.truth, chosen.region.predicted))
            url_state.wish("inspect_frame", chosen.name)
            st.rerun()
        st.caption("The region is outlined as the model's own size has it. Click it to see its whole frame above.")
    with right:
        _verdict(audit, chosen, verdicts, place, names, found)
    start = place // _PAGE * _PAGE
    shown = range(start, min(start + _PAGE, len(found)))
    clicked = gallery(
        [
            Thumbnail(
                names[index],
                _title(found[index]),
                _mark(found[index], verdicts),
                _crop(subject, audit, found[index], info),
            )
            for index in shown
        ],
        key="inspect_regions",
        label=f"Disagreements {start + 1} to {shown.stop} of {len(found)}, largest first",
        chosen=number,
        aspect=1.5,
        cell=190,
        narrow=150,
    )
    if clicked and clicked != number:
        url_state.wish(_REGION, clicked)
        st.rerun()
    st.caption(
        f"Disagreements {start + 1:,} to {shown.stop:,} of {len(found):,}, largest first; click one to judge it. "
        "Border strips are rarely label mistakes; look for objects that were forgotten, or called something else."
    )


def _verdict(
    audit: LabelAudit,
    chosen: Disagreement,
    verdicts: Mapping[str, Verdict],
    place: int,
    names: list[str],
    found: list[Disagreement],
) -> None:
    region = chosen.region
    share = region.area / (audit.size[0] * audit.size[1])
    st.markdown(f"#### Label: {CLASS_NAMES[region.truth]} · model: {CLASS_NAMES[region.predicted]}")
    st.markdown(
        f"{region.area:,} pixels ({percent_text(share)} of the frame), {percent_text(region.confidence)} sure, "
        f"number {place + 1:,} of {len(names):,} by area, in `{chosen.name}`."
    )
    st.markdown("**Who is wrong here?**")
    left = [
        name
        for name, each in zip(names[place + 1 :] + names[:place], found[place + 1 :] + found[:place], strict=True)
        if each.key not in verdicts
    ]
    given = verdicts.get(chosen.key)
    for verdict in VERDICTS:
        st.button(
            verdict.capitalize(),
            icon=f":material/{_ICONS[verdict]}:",
            key=f"audit_{verdict.partition(' ')[0]}",
            type="primary" if given == verdict else "secondary",
            width="stretch",
            on_click=_give,
            args=(audit, chosen, None if given == verdict else verdict, left[0] if left and given is None else None),
            help="Click again to take it back." if given == verdict else None,
        )
    steps = st.columns(2)
    for column, words, step, end in ((steps[0], "Larger", -1, 0), (steps[1], "Smaller", 1, len(names) - 1)):
        column.button(
            words,
            icon=f":material/chevron_{'left' if step < 0 else 'right'}:",
            key=f"audit_{words.lower()}",
            on_click=url_state.walk,
            args=(_REGION, step),
            disabled=place == end,
            width="stretch",
        )
    if problem := st.session_state.pop("audit_problem", None):
        st.error(problem, icon=":material/error:")


def _give(audit: LabelAudit, chosen: Disagreement, verdict: Verdict | None, after: str | None) -> None:
    """Keep a verdict and go on to the next region without one; runs before the page does."""
    try:
        api.set_verdict(audit, chosen, verdict)
    except CitysegError as error:
        st.session_state["audit_problem"] = str(error)
        return
    if after is not None:
        url_state.wish(_REGION, after)


def _title(each: Disagreement) -> str:
    return f"{CLASS_NAMES[each.region.truth]} → {CLASS_NAMES[each.region.predicted]}"


def _mark(each: Disagreement, verdicts: Mapping[str, Verdict]) -> str:
    verdict = verdicts.get(each.key)
    return _MARKS[verdict] if verdict else f"{each.region.area:,} px · {percent_text(each.region.confidence)} sure"


def _crop(subject: MeasuredSplit, audit: LabelAudit, each: Disagreement, info: DataInfo) -> str:
    stretch = 2.0 if frames.is_squashed(info) else 1.0
    return confusions.crop(info.spec, subject, each.name, each.region, stretch, audit.size)
