"""The Significance tab: differences from the baseline with intervals and verdicts, and the classes won and lost."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st

from cityseg.analysis.comparison import verdicts
from cityseg.analysis.comparison.bootstrap import Certainty, Estimate
from cityseg.api.types import Metric
from cityseg.figures import comparison as figures
from cityseg.markdown import escape
from cityseg.ui.app import glossary, session
from cityseg.ui.common import export, tables
from cityseg.ui.common.charts import chart_title
from cityseg.ui.common.errors import errors_shown
from cityseg.ui.compare import pairing
from cityseg.ui.compare.context import CompareContext

_LIMIT = 12
"""Candidates in the summary table at most; each takes a bootstrap."""
_VERDICTS = {"better": "▲ better", "worse": "▼ worse", "can't tell": "not significant"}
_SIGNED = ["Difference", "Low", "High"]


def show(context: CompareContext) -> None:
    """Show the differences of one candidate from the baseline, then the verdict on every candidate."""
    chosen = pairing.choose_candidate(context, "which differences are significant")
    if chosen is None:
        return
    metric, baseline, candidate = chosen
    found = pairing.compare_pair(context, baseline, candidate).differences
    classes = found.classes(metric)
    _tally(baseline, candidate, metric, found)
    overall = {verdicts.SCORE_NAMES[name]: estimate for name, estimate in found.overall.items()}
    averaged = "f1" if metric == "dice" else metric
    summary = [f"macro {averaged}", f"weighted {averaged}", "samples dice", "pixel accuracy"]
    chart_title(
        f"{glossary.SCORES[metric][0]} of {escape(candidate)} − {escape(baseline)}",
        f"Right of 0 {escape(candidate)} scored higher, left of 0 {escape(baseline)}. The line is the 95 % interval "
        "over other frames of the same kind, not over training seeds: a difference is significant if the whole line "
        "lies on one side of 0. A cross without a line has too few frames for an interval.",
    )
    export.chart(
        figures.forest(
            {(name := verdicts.SCORE_NAMES[key]): overall[name] for key in summary},
            # Largest gain first; classes without a difference go last.
            dict(sorted(classes.items(), key=lambda item: -np.nan_to_num(item[1].difference, nan=-np.inf))),
            f"{glossary.SCORES[metric][0]} of {candidate} − {baseline}",
            session.palette(),
            dark=session.is_dark(),
        ),
        "forest",
        f"cityseg-significance-{baseline}-{candidate}-{metric}",
        alt=f"Differences in {glossary.SCORES[metric][0]} of {candidate} from {baseline} with their 95 % intervals",
    )
    _table(baseline, candidate, metric, {**overall, **classes})
    _all_candidates(context, metric)


def _tally(baseline: str, candidate: str, metric: Metric, found: Certainty) -> None:
    """Show the verdict in a sentence, and the classes won, lost and undecided."""
    tally, macro = verdicts.tally(found.classes(metric)), found.macro(metric)
    icon = {"better": "trending_up", "worse": "trending_down"}.get(macro.verdict, "question_mark")
    st.info(escape(verdicts.macro_sentence(baseline, candidate, found, metric)), icon=f":material/{icon}:")
    cells = (
        (f"Classes {escape(candidate)} won", tally.won, "The whole interval of the difference lies above 0."),
        (f"Classes {escape(candidate)} lost", tally.lost, "The whole interval of the difference lies below 0."),
        ("Not significant", tally.open, "The interval holds 0, too few frames have the class, or none has it."),
    )
    for column, (label, names, meaning) in zip(st.columns(3), cells, strict=True):
        column.metric(label, len(names), help=meaning)
        column.caption(escape(", ".join(names)) or glossary.ABSENT)


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
    score = tables.number(format="%.3f")
    columns = {
        "Score or class": tables.text(pinned=True),
        baseline: score,
        candidate: score,
        "Low": tables.number(help="Lower end of the 95 % interval of the difference."),
        "High": tables.number(help="Upper end of the 95 % interval of the difference."),
        "Frames": tables.number(help="Frames that have the class in the label or in a prediction."),
        "Reason": tables.text(width="large"),
    }
    file = f"cityseg-significance-{baseline}-{candidate}-{metric}"
    alt = f"Differences of {candidate} from {baseline} by score and class"
    tables.show(frame, "certainty_table", columns, alt=alt, signed=_SIGNED, file=file)


def _all_candidates(context: CompareContext, metric: Metric) -> None:
    """Show the verdict on every candidate in one table, if there are several."""
    baseline, names = pairing.candidates(context)
    if len(names) < 2:
        return
    rows = []
    for name in names[:_LIMIT]:
        with errors_shown():
            found = pairing.compare_pair(context, baseline, name).differences
            tally = verdicts.tally(found.classes(metric))
            row = {"Result": name, **_difference(found.macro(metric)), "Classes won": len(tally.won)}
            rows.append({**row, "Classes lost": len(tally.lost), "Lost": ", ".join(tally.lost) or None})
    frame = pd.DataFrame(rows)
    score = verdicts.SCORE_NAMES[f"macro {metric}"]
    how_to_read = (
        f"The {score} of each result minus that of {escape(baseline)}, with its 95 % interval; a class is won or "
        "lost if its own interval excludes 0. Without any true difference one in twenty is significant by chance."
    )
    st.header(f"All candidates against {escape(baseline)}", anchor=False, help=how_to_read)
    columns = {"Difference": tables.number(help=f"In {score}."), "Lost": tables.text("At the cost of", width="large")}
    file, alt = f"cityseg-candidates-{baseline}-{metric}", f"All candidates against {baseline}"
    tables.show(frame, "everyone", columns, alt=alt, signed=_SIGNED, file=file)
    if len(names) > _LIMIT:
        st.caption(f"The best {_LIMIT} are shown, {len(names) - _LIMIT} are left out.")


def _difference(estimate: Estimate) -> dict[str, float | str]:
    numbers = {"Difference": estimate.difference, "Low": estimate.low, "High": estimate.high}
    return {**numbers, "Verdict": _VERDICTS[estimate.verdict]}
