from __future__ import annotations

import os
import subprocess
import sys

import pytest

from cityseg import api, runs
from cityseg.errors import UsageError
from cityseg.jobs import launcher, queue


def test_runs_start_in_order_as_slots_become_free(line, launches, end, monkeypatch):
    first, *_ = line("a", "b", "c")
    assert launches == ["a", "watcher"]
    assert queue.read() == queue.Queue(slots=1, running=(), starting=("a",), waiting=("b", "c"))
    queue.claim(first)
    assert queue.read() == queue.Queue(slots=1, running=("a",), starting=(), waiting=("b", "c"))
    queue.advance()
    assert launches == ["a", "watcher"]  # the one that was started has not ended
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    monkeypatch.setattr(queue, "_watchers", {str(first.folder.parent.resolve()): ended.pid})
    queue.advance()
    assert launches == ["a", "watcher", "watcher"]
    end("a")
    queue.advance()
    assert launches == ["a", "watcher", "watcher", "b"]
    end("b", "failed")
    queue.advance()
    assert launches[-1] == "c"
    end("c", "stopped")
    queue.advance()
    assert launches[-1] == "c"
    assert queue.read() == queue.Queue(slots=1, running=(), starting=(), waiting=())


def test_slots_are_set_and_kept(line, launches, end):
    line("a", "b", "c", "d")
    queue.set_slots(3)
    assert [name for name in launches if name != "watcher"] == ["a", "b", "c"]
    queue.set_slots(1)
    assert queue.read().free == 0
    assert queue.read().waiting == ("d",)
    for name in ("a", "b"):
        end(name)
    queue.advance()
    assert queue.read().waiting == ("d",), "one of the three still goes on"
    for wrong in (0, 65):
        with pytest.raises(UsageError) as refused:
            queue.set_slots(wrong)
        assert str(refused.value) == f"expected 1 to 64 slots, found {wrong}"


def test_the_order_can_be_changed(line):
    line("a", "b", "c", "d")
    queue.move("d", 1)
    assert queue.read().waiting == ("d", "b", "c")
    queue.move("d", 3)
    assert queue.read().waiting == ("b", "c", "d")
    with pytest.raises(UsageError) as refused:
        queue.move("b", 4)
    assert str(refused.value) == "expected a position from 1 to 3, found 4"
    with pytest.raises(UsageError) as refused:
        queue.move("a", 1)
    assert str(refused.value) == (
        "a: expected a run that waits in the queue, found it started and about to run; stop it once it is running"
    )
    with pytest.raises(UsageError, match="unknown run 'x'"):
        queue.move("x", 1)


def test_withdrawn_runs_are_stopped_and_can_come_back(line):
    line("a", "b", "c")
    queue.withdraw(["b"])
    assert runs.find_run("b").status()["state"] == "stopped"
    assert queue.read().waiting == ("c",)
    with pytest.raises(UsageError) as refused:
        queue.withdraw(["c", "b"])
    assert str(refused.value) == "b: expected a run that waits in the queue, found it stopped"
    assert queue.read().waiting == ("c",), "all of them or none"
    api.resume("b")
    assert queue.read().waiting == ("c", "b")
    with pytest.raises(UsageError) as refused:
        api.resume("b")
    assert str(refused.value) == "b: expected a stopped or failed run, found it queued"
    queue.claim(runs.find_run("a"))
    with pytest.raises(UsageError) as refused:
        queue.withdraw(["a"])
    assert str(refused.value) == "a: expected a run that waits in the queue, found it running; stop it instead"


def test_a_waiting_run_is_deleted_but_one_that_begins_is_not(line):
    begun, waiting = line("a", "b")
    api.delete("b")
    assert not waiting.folder.exists()
    assert queue.read().waiting == ()
    with pytest.raises(UsageError) as refused:
        api.delete("a")
    assert str(refused.value) == "a: expected a run that has ended, found it starting; stop it once it is running"
    assert begun.folder.exists()


def test_run_starts_with_the_folder_and_settings_of_its_enqueuer(tiny, workplace, monkeypatch, end, running_as):
    heard = {}
    monkeypatch.setattr(launcher, "start_detached", lambda arguments, log, **more: heard.update(more) or os.getpid())
    monkeypatch.setenv("CITYSEG_CACHE", "here")
    runs.create_run(tiny(), "busy").write_status(**running_as(os.getpid()))
    queue.enqueue([runs.create_run(tiny(), "a")])
    monkeypatch.setenv("CITYSEG_CACHE", "there")
    monkeypatch.setenv("CITYSEG_DATA", "elsewhere")
    monkeypatch.setenv("LANGUAGE", "eo")
    monkeypatch.chdir("/")
    end("busy")
    queue.advance()
    assert heard["folder"] == str(workplace)
    assert heard["environment"]["CITYSEG_CACHE"] == "here"
    assert heard["environment"]["CITYSEG_DATA"] != "elsewhere"
    assert heard["environment"]["LANGUAGE"] == "eo"


def test_the_dataset_is_settled_when_a_run_is_put_in_line(tiny, workplace, launches, streets):
    assert runs.find_run(api.launch(tiny())).describe()["data"]["spec"] == str(streets)


def test_a_training_in_a_terminal_is_not_held_back_and_lets_the_queue_go_on(
    tiny, workplace, line, launches, streets, end
):
    line("a", "b")
    launches.clear()

    def look(run: runs.Run) -> None:
        assert queue.read() == queue.Queue(slots=1, running=("here",), starting=("a",), waiting=("b",))
        end("a")
        queue.advance()
        assert "b" not in launches, "the terminal's run takes the slot"

    assert api.train(tiny(epochs=1, half_size_epochs=0), str(streets), name="here", on_start=look).state == "finished"
    assert "b" in launches


def test_a_run_of_the_queue_can_be_trained_right_here(workplace, line, launches, streets):
    line("a", "b")
    assert api.train(None, str(streets), resume="b").state == "finished"
    assert queue.read().waiting == ()
    assert "b" not in launches
