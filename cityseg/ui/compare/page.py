"""The Compare page: the verdict in a sentence, the table of results, and a tab per question about the selected ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from cityseg.analysis.comparison import verdicts
from cityseg.analysis.comparison.comparability import Basis, group_comparable
from cityseg.api import Result
from cityseg.api.types import Split
from cityseg.markdown import escape
from cityseg.ui.app import cache, glossary
from cityseg.ui.common import damaged, export, measure_panel
from cityseg.ui.common.errors import errors_shown
from cityseg.ui.common.layout import suggest_training
from cityseg.ui.common.url_choice import choose_option, open_tabs
from cityseg.ui.compare import (
    config_diff,
    confusions,
    contributions,
    curves,
    pairing,
    qualitative,
    scores,
    significance,
    table,
)
from cityseg.ui.compare.context import CompareContext

_SPLITS: tuple[Split, ...] = ("test", "val")
_NONE, _VIEW = "none", "view"

TABS: dict[str, Callable[[CompareContext], None]] = {
    "Scores": scores.show,
    "Significance": significance.show,
    "Contribution by class": contributions.show,
    "Curves": curves.show,
    "Confusions": confusions.show,
    "Pictures": qualitative.show,
    "Settings": config_diff.show,
}
"""The tabs in order; only the open one is computed."""
_FORMER_TABS = {"Certainty": "Significance", "Why": "Contribution by class"}
"""Former labels, so that links which hold them stay valid."""


def page() -> None:
    """Show the whole page."""
    export.follow_url()
    damaged.notice()
    table.select_also(measure_panel.finished())
    everything = cache.all_results()
    if not everything:
        text = "**Nothing to compare yet.** Train two presets on the same data, or put models into `checkpoints/`."
        suggest_training(text, "compare")
        return
    named = table.named(everything)
    left, right, measuring = st.columns([1, 2, 1], vertical_alignment="bottom")
    scored = any("test" in result.scores for result in everything)
    meaning = "val chose the best epoch of each run, so its scores are slightly optimistic; test was held out."
    initial: Split = "test" if scored else "val"
    split = choose_option(left.segmented_control, "Scored on", _SPLITS, "compare_split", "split", initial, help=meaning)
    baseline = choose_option(
        right.selectbox,
        "Baseline",
        [_NONE, *(name for name, result in named.items() if split in result.scores)],
        "compare_baseline",
        "baseline",
        omit_default=True,
        help="Shows every other result as its difference from this one, if the two are comparable. The baseline is "
        "always among the results compared, ticked or not.",
    )
    reference = None if baseline == _NONE else baseline
    selected = table.table(named, split, reference)
    with measuring:
        _measure(everything, selected, split)
    summaries = {name: result.scores[split] for name, result in selected.items() if split in result.scores}
    bases = {name: Basis.of(scores, split) for name, scores in summaries.items()}
    context = CompareContext(split, selected, summaries, bases, reference)
    _summary(context)
    if not selected:
        return
    for name in open_tabs(list(TABS), _VIEW, _VIEW, _FORMER_TABS):
        with errors_shown():
            TABS[name](context)
    export.page()


def _measure(everything: Sequence[Result], selected: Mapping[str, Result], split: Split) -> None:
    """Offer to measure models on the connected data; those that are ticked and lack scores on it are chosen."""
    models = list(dict.fromkeys(result.model for result in everything if result.has_weights))
    ticked = dict.fromkeys(result.model for result in selected.values() if result.model in models)
    missing = [model for model in ticked if measure_panel.find_measured(model, split) is None]
    measure_panel.offer_several(models, missing, split)


def _summary(context: CompareContext) -> None:
    """Show the best result of each comparable group, with the significance of its lead."""
    if not context.selected:
        st.info("Tick one or more rows of the table to see their scores side by side.", icon=":material/check_box:")
        return
    groups = group_comparable(context.bases)
    for names in groups[:3]:
        st.markdown(_best(context, names))
        _verdict(context, list(names))
    if text := pairing.not_comparable(context):
        st.warning(text, icon=":material/balance:")
    elif len(groups) > 1:
        rest = f" {len(groups) - 3} smaller groups appear in the table only." if len(groups) > 3 else ""
        st.warning(
            f"The selected results were measured in {len(groups)} different ways, so there is no single best: each "
            f"group has its own line.{rest}",
            icon=":material/balance:",
        )
    if missing := [name for name in context.selected if name not in context.summaries]:
        st.caption(f"Not scored on {context.split} yet: {escape(', '.join(missing))}.")


@errors_shown("The significance of the difference is unknown.")
def _verdict(context: CompareContext, names: list[str]) -> None:
    """Compare the best of some comparable results with the baseline, or with the second best, in a sentence."""
    if len(names) < 2:
        return
    ranked = context.ranked(names)
    baseline = context.baseline if context.baseline in ranked else ranked[1]
    candidate = next(name for name in ranked if name != baseline)
    found = pairing.compare_pair(context, baseline, candidate).differences
    tally = verdicts.tally_sentence(baseline, candidate, verdicts.tally(found.classes("f1")))
    st.markdown(f"{escape(verdicts.macro_sentence(baseline, candidate, found, 'f1'))} {escape(tally)}")


def _best(context: CompareContext, names: Sequence[str]) -> str:
    """Return the best of some comparable results in a sentence."""
    data, size = context.selected[names[0]].measured_on, context.bases[names[0]].size
    # Only results of earlier versions were scored at another size than the labels' own.
    scored = f", scored at {glossary.scored_size(size)}" if size else ""
    best = context.ranked(names)[0]
    f1 = glossary.score(context.summaries[best]["macro"]["f1"])
    place = f"on {context.split} of {escape(data)}{scored}"
    if len(names) == 1:
        return f"**{escape(best)}**: macro F1 {f1} {place}."
    return f"Best of {len(names)} results {place}: **{escape(best)}**, macro F1 {f1}."
