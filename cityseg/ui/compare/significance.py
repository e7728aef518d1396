"""The Significance tab: differences from the baseline with intervals and verdicts, and the classes won and lost."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from cityseg.analysis.comparison import verdicts
from cityseg.analysis.comparison.bootstrap import Certainty, Estimate
from cityseg.api.types import Metric
from cityseg.errors import CitysegError
from cityseg.figures import comparison as figures
from cityseg.ui.app import glossary, session
from cityseg.ui.common import diff_style, export
from cityseg.ui.compare import pairing
from cityseg.ui.compare.context import CompareContext

_LIMIT = 12
"""Candidates in the summary table at most; each takes a bootstrap."""
_VERDICTS = {"better": "▲ better", "worse": "▼ worse", "can't tell": "not significant"}
_SIGNED = ["Difference", "Low", "High"]


def show(context: CompareContext) -> None:
    """Show the differences of one candidate from the baseline, then the verdict on every candidate."""
    chosen = pairing.choose(context, "which differences are significant")
    if chosen is None:
        return
    metric, baseline, candidate = chosen
    try:
        found = pairing.differences(context, baseline, candidate)
    except CitysegError as error:
        st.error(str(error), icon=":material/error:")
        return
    classes = found.classes(metric)
    _tally(baseline, candidate, metric, found)
    overall = {verdicts.SCORE_NAMES[name]: estimate for name, estimate in found.overall.items()}
    averaged = "f1" if metric == "dice" else metric
    summary = [f"macro {averaged}", f"weighted {averaged}", "samples dice", "pixel accuracy"]
    st.plotly_chart(
        figures.forest(
            {(name := verdicts.SCORE_NAMES[key]): overall[name] for key in summary},
            dict(sorted(classes.items(), key=lambda item: _largest_gain_first(item[1]))),
            f"{glossary.SCORES[metric][0]} of {candidate} − {baseline}",
            session.palette(),
            dark=session.is_dark(),
        ),
        key="forest",
        config=export.chart(f"cityseg-significance-{baseline}-{candidate}-{metric}"),
        alt=f"Differences in {glossary.SCORES[metric][0]} of {candidate} from {baseline} with their 95 % intervals",
    )
    st.caption(
        f"A point right of 0: {candidate} scored higher; left of 0: {baseline}. The line is the 95 % interval over "
        "other frames of the same kind. A difference is significant if the whole line lies on one side of 0; a cross "
        "without a line has too few frames for an interval. The intervals do not cover other training seeds."
    )
    _table(baseline, candidate, metric, {**overall, **classes})
    _all_candidates(context, metric)


def _tally(baseline: str, candidate: str, metric: Metric, found: Certainty) -> None:
    """Show the verdict in a sentence, and the classes won, lost and undecided."""
    tally, macro = verdicts.tally(found.classes(metric)), found.macro(metric)
    icon = {"better": "trending_up", "worse": "trending_down"}.get(macro.verdict, "question_mark")
    st.info(verdicts.macro_sentence(baseline, candidate, found, metric), icon=f":material/{icon}:")
    cells = (
        (f"Classes {candidate} won", tally.won, "The whole interval of the difference lies above 0."),
        (f"Classes {candidate} lost", tally.lost, "The whole interval of the difference lies below 0."),
        ("Not significant", tally.open, "The interval holds 0, too few frames have the class, or none has it."),
    )
    for column, (label, names, meaning) in zip(st.columns(3), cells, strict=True):
        column.metric(label, len(names), help=meaning)
        column.caption(", ".join(names) or glossary.ABSENT)


def _table(baseline: str, candidate: str, metric: Metric, estimates: Mapping[str, Estimate]) -> None:
    frame = pd.DataFrame(
        [
            {
                "Score or class": name,
                baseline: estimate.first,
                candidate: estimate.second,
                **_difference(estimate),
                "Frames": estimate.frames,
                "Reason": verdicts.reason(estimate),
            }
            for name, estimate in estimates.items()
        ]
    )
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    st.dataframe(
        diff_style.differences(frame, _SIGNED),
        hide_index=True,
        height=38 + 35 * len(frame),
        key="certainty_table",
        placeholder=glossary.ABSENT,
        column_config={
            "Score or class": text(pinned=True),
            baseline: number(format="%.3f"),
            candidate: number(format="%.3f"),
            "Low": number(help="Lower end of the 95 % interval of the difference."),
            "High": number(help="Upper end of the 95 % interval of the difference."),
            "Frames": number(help="Frames that have the class in the label or in a prediction."),
            "Reason": text(width="large"),
        },
    )
    export.table(frame, f"cityseg-significance-{baseline}-{candidate}-{metric}", "certainty_table", _SIGNED)


def _all_candidates(context: CompareContext, metric: Metric) -> None:
    """Show the verdict on every candidate in one table, if there are several."""
    baseline, names = pairing.candidates(context)
    if len(names) < 2:
        return
    rows = []
    for name in names[:_LIMIT]:
        try:
            found = pairing.differences(context, baseline, name)
        except CitysegError as error:
            st.caption(str(error))
            continue
        tally = verdicts.tally(found.classes(metric))
        rows.append(
            {
                "Result": name,
                **_difference(found.macro(metric)),
                "Classes won": len(tally.won),
                "Classes lost": len(tally.lost),
                "Lost": ", ".join(tally.lost) or None,
            }
        )
    frame = pd.DataFrame(rows)
    score = verdicts.SCORE_NAMES[f"macro {metric}"]
    st.subheader(f"All candidates against {baseline}", anchor=False)
    st.dataframe(
        diff_style.differences(frame, _SIGNED),
        hide_index=True,
        key="everyone",
        placeholder=glossary.ABSENT,
        column_config={
            "Difference": st.column_config.NumberColumn(help=f"In {score}."),
            "Lost": st.column_config.TextColumn("At the cost of", width="large"),
        },
    )
    left_out = f" The best {_LIMIT} are shown, {len(names) - _LIMIT} are left out." if len(names) > _LIMIT else ""
    st.caption(
        f"The {score} of each result minus that of {baseline}, with its 95 % interval; a class is won or lost if its "
        "own interval excludes 0. Where nothing differs, about one verdict in twenty still says so by chance."
        f"{left_out}"
    )
    export.table(frame, f"cityseg-candidates-{baseline}-{metric}", "everyone", _SIGNED)


def _difference(estimate: Estimate) -> dict[str, float | str]:
    return {
        "Difference": estimate.difference,
        "Low": estimate.low,
        "High": estimate.high,
        "Verdict": _VERDICTS[estimate.verdict],
    }


def _largest_gain_first(estimate: Estimate) -> float:
    """Sort key; estimates without a difference go last."""
    return float("inf") if estimate.difference != estimate.difference else -estimate.difference
