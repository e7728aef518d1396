"""Label audit tab of the Inspect page: regions where a confident model and the label disagree, with verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import streamlit as st

from cityseg import api
from cityseg.analysis.errors import label_audit as analysis
from cityseg.analysis.errors.label_audit import VERDICTS, Disagreement, Verdict
from cityseg.analysis.errors.ranking_metric import RankingMetric, confusion_name
from cityseg.api import DataInfo, LabelAudit
from cityseg.api.types import summarize
from cityseg.classes import CLASS_NAMES
from cityseg.errors import CitysegError
from cityseg.figures.class_shares import percent_text
from cityseg.markdown import code, escape
from cityseg.ui.app import glossary, url_state
from cityseg.ui.common.frame_navigator import step_buttons
from cityseg.ui.common.gallery import Thumbnail, gallery
from cityseg.ui.common.layout import metric_row
from cityseg.ui.common.measured_split import MeasuredSplit
from cityseg.ui.common.url_choice import choose_number
from cityseg.ui.inspect import confusions
from cityseg.ui.inspect.ranking_metric import rank_by
from cityseg.ui.inspect.selection import PICTURE
from cityseg.ui.inspect.stored_findings import offer_pass, stored_finding

_PER_PAGE = 8
_MOST_PICTURES = 200
_CONFIDENCE, _REGION = "sure", "inspect_region"
_ICONS: dict[Verdict, str] = {"label wrong": "label_off", "model wrong": "robot_2", "unsure": "question_mark"}


def stored(measured: MeasuredSplit) -> LabelAudit | None:
    """Return the stored audit of the result's present weights on this split, or None."""
    return stored_finding(measured, lambda run, split: (api.audit_file(run, split),), api.find_audit)


def offer(measured: MeasuredSplit, key: str) -> None:
    """Show the button that starts the audit, its progress and its outcome; ``key`` distinguishes several buttons."""
    offer_pass(
        measured,
        api.audit_labels,
        key=f"audit_{key}",
        label=f"Audit all {len(measured.names):,} frames",
        icon=":material/frame_inspect:",
        title=f"{measured.result.id} predicts {measured.split}",
        meaning="The model predicts every frame of the split in the background; a large model takes about a minute on "
        "a CPU. The result is stored. Equivalent to `cityseg audit`.",
    )


def show(measured: MeasuredSplit, metric: RankingMetric, info: DataInfo | None) -> None:
    """Show the disagreements with their verdicts, and the scores without the wrong labels."""
    if info is None:
        st.caption("The audit needs the frames; connect the data the result was measured on.")
        return
    audit = stored(measured)
    if audit is None:
        st.markdown(
            "**Is the model wrong, or the label?** Labels contain mistakes, and a good model finds many of them: "
            "regions where it is confident and the label disagrees. The audit collects them over the whole split, "
            "largest first; you judge them and see the scores without the labels you judged wrong."
        )
        offer(measured, key="audit")
        return
    verdicts = api.read_verdicts(audit)
    _scores(audit, verdicts)
    confidence = choose_number(
        "Minimum confidence",
        5,
        99,
        round(100 * api.AUDIT_CONFIDENCE),
        _CONFIDENCE,
        _CONFIDENCE,
        format="%d %%",
        width=420,
        help="Minimum mean probability of the predicted class over a region. Lower it for an underconfident model.",
    )
    found = analysis.largest_first(audit.found, confidence / 100)
    if not found:
        st.info(
            f"{escape(measured.result.id)} has no disagreement with at least {confidence} % confidence. Lower the "
            "slider, or audit with a better model.",
            icon=":material/search_off:",
        )
        return
    _judge(measured, audit, found, verdicts, info)
    _export(audit, info, verdicts, confidence / 100)


def _export(audit: LabelAudit, info: DataInfo, verdicts: Mapping[str, Verdict], confidence: float) -> None:
    file = f"label-audit-{audit.model}-{audit.split}"
    with st.container(horizontal=True, gap="small"):
        st.download_button(
            "Regions (CSV)",
            partial(api.audit_table, audit, verdicts, confidence=confidence),
            f"{file}.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
            help="Every region of at least this confidence: frame, classes, box, pixels, confidence, verdict.",
        )
        st.download_button(
            "Table and pictures (zip)",
            partial(api.audit_zip, audit, info.spec, verdicts, confidence=confidence, limit=_MOST_PICTURES),
            f"{file}.zip",
            "application/zip",
            icon=":material/folder_zip:",
            on_click="ignore",
            help=f"With a picture of each of the {_MOST_PICTURES} largest regions; `cityseg audit --out` writes all.",
        )


def _scores(audit: LabelAudit, verdicts: Mapping[str, Verdict]) -> None:
    labelled = summarize(audit.matrices)
    cleaned = summarize(analysis.exclude(audit.matrices, audit.found, verdicts, "label wrong"))
    judged = [verdicts.get(each.key) for each in audit.found]
    note = "Below: with the regions judged 'label wrong' as void; do not publish it as the model's score."
    cells = []
    for name, before, after, meaning in (
        ("Macro F1", labelled["macro"]["f1"], cleaned["macro"]["f1"], glossary.SCORES["f1"][1]),
        ("Mean IoU", labelled["macro"]["iou"], cleaned["macro"]["iou"], glossary.SCORES["iou"][1]),
        ("Pixel accuracy", labelled["pixel_accuracy"], cleaned["pixel_accuracy"], glossary.PIXEL_ACCURACY),
    ):
        second = f"{glossary.score(after)} without wrong labels"
        cells.append((f"{name}, as labelled", glossary.score(before), f"{meaning} {note}", second))
    tally = " · ".join(f"{judged.count(verdict)} {verdict}" for verdict in VERDICTS)
    stored_in = f"Verdicts are stored in {escape(audit.verdict_file)}."
    metric_row([*cells, ("Judged", f"{len(judged) - judged.count(None):,}", stored_in, tally)], width=230)


def _judge(
    measured: MeasuredSplit,
    audit: LabelAudit,
    found: list[Disagreement],
    verdicts: Mapping[str, Verdict],
    info: DataInfo,
) -> None:
    numbers = {each.key: number for number, each in enumerate(audit.found, start=1)}
    names = [str(numbers[each.key]) for each in found]
    unjudged = [name for name, each in zip(names, found, strict=True) if each.key not in verdicts]
    number = url_state.settle(_REGION, "region", names, (unjudged or names)[0])
    url_state.keep("region", number)
    place = names.index(number)
    chosen = found[place]
    left, right = st.container(key="inspect_judge").columns([3, 2], gap="large")
    with left:
        large = [Thumbnail(chosen.name, "", "", confusions.crop(measured, chosen.name, chosen.region, info))]
        if gallery(large, key="inspect_place", label="Region", aspect=1.5, cell=320, narrow=320, target=PICTURE):
            rank_by(confusion_name(chosen.region.truth, chosen.region.predicted))
            url_state.request("inspect_frame", chosen.name)
            st.rerun()
        st.caption("Click it to see the whole frame above.")
    with right:
        _verdict(audit, found, verdicts, place, names)
    start = place // _PER_PAGE * _PER_PAGE
    shown = found[start : start + _PER_PAGE]
    thumbnails = [
        Thumbnail(
            str(numbers[each.key]),
            f"{CLASS_NAMES[each.region.truth]} → {CLASS_NAMES[each.region.predicted]}",
            _mark(each, verdicts),
            confusions.crop(measured, each.name, each.region, info),
        )
        for each in shown
    ]
    extent = f"Disagreements {start + 1:,} to {start + len(shown):,} of {len(found):,}, largest first"
    clicked = gallery(
        thumbnails,
        key="inspect_regions",
        label=extent,
        chosen=number,
        aspect=1.5,
        cell=190,
        narrow=150,
        target="inspect_judge",
    )
    if clicked and clicked != number:
        url_state.request(_REGION, clicked)
        st.rerun()
    st.caption(
        f"{extent}; click one to judge it. Strips along borders are rarely label mistakes; missing objects and wrong "
        "classes are."
    )


def _verdict(
    audit: LabelAudit, found: list[Disagreement], verdicts: Mapping[str, Verdict], place: int, names: list[str]
) -> None:
    chosen = found[place]
    region = chosen.region
    share = region.area / int(audit.shapes[chosen.frame].prod())
    st.header(f"Label: {CLASS_NAMES[region.truth]} · model: {CLASS_NAMES[region.predicted]}", anchor=False)
    st.markdown(
        f"{region.area:,} pixels ({percent_text(share)} of the frame), confidence {percent_text(region.confidence)}, "
        f"number {place + 1:,} of {len(names):,} by area, in {code(chosen.name)}."
    )
    st.markdown("**Which one is wrong?**")
    others = [*range(place + 1, len(found)), *range(place)]
    following = next((names[index] for index in others if found[index].key not in verdicts), None)
    current = verdicts.get(chosen.key)
    for verdict in VERDICTS:
        st.button(
            verdict.capitalize(),
            icon=f":material/{_ICONS[verdict]}:",
            key=f"audit_{verdict.partition(' ')[0]}",
            type="primary" if current == verdict else "secondary",
            width="stretch",
            on_click=_store,
            args=(audit, chosen, None if current == verdict else verdict, following if current is None else None),
            help="Click again to remove the verdict." if current == verdict else None,
        )
    step_buttons("audit", _REGION, place, len(names))
    if problem := st.session_state.pop("audit_problem", None):
        st.error(escape(problem), icon=":material/error:")


def _store(audit: LabelAudit, chosen: Disagreement, verdict: Verdict | None, following: str | None) -> None:
    """Store a verdict and choose the next region without one (a callback)."""
    try:
        api.set_verdict(audit, chosen, verdict)
    except CitysegError as error:
        st.session_state["audit_problem"] = str(error)
        return
    if following is not None:
        url_state.request(_REGION, following)


def _mark(each: Disagreement, verdicts: Mapping[str, Verdict]) -> str:
    if (verdict := verdicts.get(each.key)) is not None:
        return f"{'?' if verdict == 'unsure' else '✗'} {verdict}"
    return f"{each.region.area:,} px · confidence {percent_text(each.region.confidence)}"
