"""Waits of one user in a real browser: visits, changes of page, and acts on a page.

    python -m benchmarks.waits [DATA] [--runs N] [--rounds N] [--only WORD] [--json]

The app is a subprocess with DATA connected, by default a small synthetic set, and a folder of N finished runs, copies
of a shipped model with its stored counts. A wait begins with the act and ends when the page's script has ended and no
further one has begun for 0.4 seconds (on pages that poll, a poll in between counts as well). A visit is a new tab of a
browser that holds Streamlit's files. Every figure is the median of the rounds, in seconds; other load on the machine
shows in all of them alike. Targets: 2.5 for a visit, 1 for a change of page, 0.7 for an act, 0.1 in the viewer.

Prints median and target, and exits with 1 if a median misses its target.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from playwright.sync_api import Page, sync_playwright

from benchmarks import servers
from cityseg import api
from cityseg.api.results.folders import shipped_root
from cityseg.checkpoint import FILES
from cityseg.cli.options import Json
from cityseg.data.synthetic import synthesize

_MODEL = "better-1"
_PAGES = ("", "dataset", "train", "compare", "inspect", "predict")
_VISIT, _CHANGE, _ACT, _VIEWER = 2.5, 1.0, 0.7, 0.1
_PATIENCE_MS = 120_000
_OBSERVE = """
window.states = [];
const look = () => {
  const state = document.querySelector("[data-testid=stApp]")?.getAttribute("data-test-script-state");
  if (state && state !== window.states.at(-1)?.[1]) window.states.push([performance.now(), state]);
};
new MutationObserver(look).observe(document, {subtree: true, childList: true, attributes: true,
  attributeFilter: ["data-test-script-state"]});
"""
"""Records the states of the page's script with their times."""
_SETTLED = """
async ([begin, quiet]) => {
  for (;;) {
    const [when, state] = window.states.at(-1) ?? [0, ""];
    const ran = window.states.some(([at, each]) => at >= begin && each === "notRunning");
    if (ran && state === "notRunning" && performance.now() - when > quiet) return (when - begin) / 1000;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
"""
_CLASS_CLICK = """
async (viewer) => {
  const begin = performance.now();
  viewer.querySelector(".legend .chip").click();
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  return (performance.now() - begin) / 1000;
}
"""


def fill_runs(folder: Path, number: int) -> None:
    """Write finished runs, copies of a shipped model."""
    source = shipped_root() / _MODEL
    for index in range(number):
        run = folder / f"run-{index:03}"
        shutil.copytree(source, run)
        (run / "best").mkdir()
        for name in FILES:
            (run / name).rename(run / "best" / name)
        (run / "status.json").write_text(json.dumps({"state": "finished", "created": time.time() - index}))


@contextmanager
def browser() -> Iterator[Any]:
    """Yield a context of the system's Chromium that keeps its files between tabs."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        raise SystemExit("expected Chromium on the path, found none; install it")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        context = opened.new_context(viewport={"width": 1440, "height": 1000})
        context.set_default_timeout(_PATIENCE_MS)
        context.add_init_script(_OBSERVE)
        yield context
        opened.close()


def settled(page: Page, begin: float = 0.0, quiet: int = 400) -> float:
    """Return the seconds from ``begin``, in milliseconds of the page's clock, to the end of the last script run."""
    page.locator("h1").first.wait_for()
    return float(page.evaluate(_SETTLED, [begin, quiet]))


def visit(context: Any, address: str) -> float:
    """Open a page in a new tab."""
    page = context.new_page()
    page.goto(address)
    wait = settled(page)
    page.close()
    return wait


def act(page: Page, do: Callable[[], object]) -> float:
    """Do something on a page."""
    begin = page.evaluate("performance.now()")
    do()
    return settled(page, begin)


def alternately(page: Page, first: Callable[[], object], second: Callable[[], object], rounds: int) -> list[float]:
    """Do one thing and another by turns, so that every round finds the page as the first one did."""
    return [act(page, each) for _ in range(rounds) for each in (first, second)][: rounds + rounds % 2]


def measure(context: Any, address: str, rounds: int) -> Iterator[tuple[str, float, list[float]]]:
    """Yield what was done, its target, and the waits."""
    visit(context, address)  # fills the browser's cache
    for name in _PAGES:
        waits = [visit(context, f"{address}/{name}") for _ in range(rounds)]
        yield f"visit {name or 'overview'}", _VISIT, waits
    page = context.new_page()
    page.goto(address)
    settled(page)
    sidebar = page.locator("[data-testid=stSidebar]")
    for name in (*_PAGES[1:], ""):
        title = (name or "overview").capitalize()
        link = sidebar.get_by_role("link", name=title, exact=True)
        back = sidebar.get_by_role("link", name="Train" if name != "train" else "Overview", exact=True)
        waits = []
        for _ in range(rounds):
            act(page, back.click)
            waits.append(act(page, link.click))
        yield f"change to {name or 'overview'}", _CHANGE, waits
    yield from _acts(page, address, rounds)


def _acts(page: Page, address: str, rounds: int) -> Iterator[tuple[str, float, list[float]]]:
    def opened(path: str) -> None:
        page.goto(f"{address}/{path}")
        settled(page)

    def button(name: str) -> Callable[[], None]:
        return lambda: page.locator("[data-testid=stMain]").get_by_role("button", name=name, exact=True).click()

    def tab(name: str) -> Callable[[], None]:
        return lambda: page.get_by_role("tab", name=name, exact=True).first.click()

    opened("train")
    yield "preset", _ACT, alternately(page, button("better-2"), button("better-1"), rounds)
    page.get_by_text("Settings", exact=True).first.click()
    steps = page.get_by_test_id("stNumberInputStepUp").first, page.get_by_test_id("stNumberInputStepDown").first
    yield "setting", _ACT, alternately(page, steps[0].click, steps[1].click, rounds)
    opened("compare")
    for name in ("Significance", "Contribution by class", "Confusions"):
        yield f"tab {name} of Compare", _ACT, alternately(page, tab(name), tab("Scores"), rounds)
    grid = page.locator("[data-testid=stDataFrame]").first

    def tick() -> None:
        grid.click(position={"x": 18, "y": 35 * 4 + 18})

    yield "row of Compare", _ACT, alternately(page, tick, tick, rounds)
    opened("dataset")
    for name in ("Classes", "Splits", "Sizes"):
        yield f"tab {name} of Dataset", _ACT, alternately(page, tab(name), tab("Browse"), rounds)
    opened("inspect")
    following = page.get_by_role("button", name="Next", exact=True).first
    yield "next frame of Inspect", _ACT, [act(page, following.click) for _ in range(rounds)]
    viewer = page.get_by_test_id("cityseg-viewer").first
    yield "class in the viewer", _VIEWER, [float(viewer.evaluate(_CLASS_CLICK)) for _ in range(rounds)]


def main(
    data: Annotated[Path | None, typer.Argument(help="Dataset; a small synthetic one by default.")] = None,
    runs: Annotated[int, typer.Option(min=0, help="Finished runs in the folder of runs.")] = 60,
    rounds: Annotated[int, typer.Option(min=1, help="Measurements of every wait.")] = 5,
    as_json: Json = False,
) -> None:
    """Measure all waits and print them."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        fill_runs(place / "runs", runs)
        if data is None:
            data = place / "streets"
            synthesize(data, frames=40, seed=1, size=(128, 256))
        os.environ |= {"CITYSEG_DATA": str(data.resolve()), "CITYSEG_RUNS": str(place / "runs")}
        api.statistics(str(data.resolve()))
        found = []
        with servers.studio() as (address, _), browser() as context:
            for what, target, waits in measure(context, address, rounds):
                found.append({"act": what, "seconds": statistics.median(waits), "target": target, "waits": waits})
                if not as_json:
                    print(f"{what:32s}{found[-1]['seconds']:6.2f} s, target {target:g}", flush=True)
    missed = [each for each in found if each["seconds"] > each["target"]]
    if as_json:
        print(json.dumps(found))
    else:
        print(f"{len(missed)} of {len(found)} medians miss their targets")
        for each in missed:
            print(f"{each['act']}: {each['seconds']:.2f} s, target {each['target']:g}")
    raise typer.Exit(1 if missed else 0)


if __name__ == "__main__":
    typer.run(main)
