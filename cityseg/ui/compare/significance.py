"""The Certainty tab: which differences are sure, which may be chance, and which classes were won and lost."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from cityseg.analysis.comparison import verdicts
from cityseg.analysis.comparison.bootstrap import Certainty, Estimate
from cityseg.analysis.comparison.comparability import Metric
from cityseg.errors import CitysegError
from cityseg.figures import comparison as figures
from cityseg.ui.app import glossary, session
from cityseg.ui.common import diff_style, export
from cityseg.ui.compare import pairing
from cityseg.ui.compare.context import Comparison

_MANY = 12
"""So many results are compared in one table at most; each takes a bootstrap."""
_VERDICTS = {"better": "▲ better", "worse": "▼ worse", "can't tell": "can't tell"}


def show(comparison: Comparison) -> None:
    """Show the differences of one result from the baseline with their intervals and verdicts."""
    chosen = pairing.choose(comparison, "whether one is really better")
    if chosen is None:
        return
    metric, first, second = chosen
    try:
        certainty = pairing.certainty(comparison, first, second)
    except CitysegError as error:
        st.error(str(error), icon=":material/error:")
        return
    classes = certainty.classes(metric)
    _tally(first, second, metric, certainty)
    overall = {verdicts.SCORE_NAMES[name]: estimate for name, estimate in certainty.overall.items()}
    macro_first = {name: overall[name] for name in _on_top(metric)}
    st.plotly_chart(
        figures.forest(
            macro_first,
            dict(sorted(classes.items(), key=lambda item: _rank(item[1]))),
            f"{glossary.SCORES[metric][0]} of {second} − {first}",
            session.palette(),
            dark=st.context.theme.type == "dark",
        ),
        key="forest",
        config=export.chart(f"cityseg-certainty-{first}-{second}-{metric}"),
        alt=f"Differences in {glossary.SCORES[metric][0]} of {second} from {first} with their 95 % intervals",
    )
    st.caption(
        f"A point right of 0 says that {second} scored higher, left of 0 {first}. The line is the 95 % interval: where "
        "the difference would lie with other frames of the same kind. Only where the whole line is on one side of 0 "
        "is the difference more than chance; a cross without a line has too few frames for an interval. "
        "The intervals say nothing about another seed of the training."
    )
    _table(first, second, metric, {**overall, **classes})
    _everyone(comparison, first, metric)


def _everyone(comparison: Comparison, first: str, metric: Metric) -> None:
    """Show the verdict on every other selected result in one table, where there are several."""
    found = pairing.opponents(comparison)
    if found is None or len(found.second) < 2:
        return
    score = verdicts.SCORE_NAMES[f"macro {metric}"]
    rows = []
    for name in found.second[:_MANY]:
        try:
            certainty = pairing.certainty(comparison, first, name)
        except CitysegError as error:
            st.caption(str(error))
            continue
        macro, tally = certainty.macro(metric), verdicts.tally(certainty.classes(metric))
        rows.append(
            {
                "Result": name,
                "Difference": macro.difference,
                "From": macro.low,
                "To": macro.high,
                "Verdict": _VERDICTS[macro.verdict],
                "Classes won": len(tally.won),
                "Classes lost": len(tally.lost),
                "Lost": ", ".join(tally.lost) or None,
            }
        )
    frame = pd.DataFrame(rows)
    changes = ["Difference", "From", "To"]
    st.subheader(f"Everyone against {first}", anchor=False)
    st.dataframe(
        diff_style.differences(frame, changes),
        hide_index=True,
        key="everyone",
        placeholder=glossary.ABSENT,
        column_config={
            "Difference": st.column_config.NumberColumn(help=f"In {score}."),
            "Lost": st.column_config.TextColumn("At the cost of", width="large"),
        },
    )
    words = (
        f"The {score} of each result minus that of {first}, with its 95 % interval; a class counts as won or lost only "
        "where its own interval says so. Among many results some verdicts come by chance: about one in twenty where "
        "nothing differs."
    )
    if len(found.second) > _MANY:
        words += f" The best {_MANY} are shown, {len(found.second) - _MANY} are left out."
    st.caption(words)
    export.table(frame, f"cityseg-everyone-{first}-{metric}", "everyone", changes)


def _on_top(metric: Metric) -> list[str]:
    names = [f"macro {metric if metric != 'dice' else 'f1'}", f"weighted {metric if metric != 'dice' else 'f1'}"]
    return [verdicts.SCORE_NAMES[name] for name in (*names, "samples dice", "pixel accuracy")]


def _rank(estimate: Estimate) -> float:
    """Sort the largest gain first; what has no difference goes last."""
    return float("inf") if estimate.difference != estimate.difference else -estimate.difference


def _tally(first: str, second: str, metric: Metric, certainty: Certainty) -> None:
    found = verdicts.tally(certainty.classes(metric))
    macro = certainty.macro(metric)
    icon = {"better": ":material/trending_up:", "worse": ":material/trending_down:"}.get(macro.verdict)
    st.info(verdicts.certainty_words(first, second, certainty, metric), icon=icon or ":material/question_mark:")
    figures_shown = (
        (f"Classes {second} won", found.won, "The whole interval of the difference lies above 0."),
        (f"Classes {second} lost", found.lost, "The whole interval of the difference lies below 0."),
        ("Can't tell", found.open, "The interval holds 0, too few frames have the class, or none has it."),
    )
    for column, (words, names, meaning) in zip(st.columns(3), figures_shown, strict=True):
        with column:
            st.metric(words, len(names), help=meaning)
            st.caption(", ".join(names) or glossary.ABSENT)


def _table(first: str, second: str, metric: Metric, estimates: Mapping[str, Estimate]) -> None:
    frame = pd.DataFrame(
        [
            {
                "Score or class": name,
                first: estimate.first,
                second: estimate.second,
                "Difference": estimate.difference,
                "From": estimate.low,
                "To": estimate.high,
                "Verdict": _VERDICTS[estimate.verdict],
                "Frames": estimate.frames,
                "Why": verdicts.reason(estimate),
            }
            for name, estimate in estimates.items()
        ]
    )
    number = st.column_config.NumberColumn
    changes = ["Difference", "From", "To"]
    st.dataframe(
        diff_style.differences(frame, changes),
        hide_index=True,
        height=38 + 35 * len(frame),
        key="certainty_table",
        placeholder=glossary.ABSENT,
        column_config={
            "Score or class": st.column_config.TextColumn(pinned=True),
            first: number(format="%.3f"),
            second: number(format="%.3f"),
            "From": number(help="Lower end of the 95 % interval of the difference."),
            "To": number(help="Upper end of the 95 % interval of the difference."),
            "Frames": number(help="Frames that have the class in the label or in a prediction."),
            "Why": st.column_config.TextColumn(width="large"),
        },
    )
    export.table(frame, f"cityseg-certainty-{first}-{second}-{metric}", "certainty_table", changes)
