from __future__ import annotations

import os
import signal

import pytest

from cityseg import api, runs
from cityseg.errors import UsageError
from cityseg.jobs import launcher


def test_a_training_of_its_own_is_followed_stopped_resumed_and_found_dead(tiny, workplace, wait_until):
    run_id = api.launch(tiny(epochs=5000), name="apart")
    run = runs.find_run(run_id)
    assert run.status()["state"] == "queued"
    wait_until(lambda: run.status()["state"] != "queued" and "progress" in run.status())
    status = run.status()
    assert status["state"] == "running", run.log_tail()
    pid = status["pid"]
    assert pid != os.getpid()
    assert os.getsid(pid) == pid  # it leads a session of its own, so no terminal takes it along
    with pytest.raises(UsageError) as refused:
        api.delete(run_id)
    assert str(refused.value) == "apart: expected a run that has ended, found it running; stop it first"
    with pytest.raises(UsageError) as refused:
        api.resume(run_id)
    assert str(refused.value) == "apart: expected a stopped or failed run, found it running"

    api.stop(run_id)
    wait_until(lambda: run.status()["state"] != "running")
    assert run.status()["state"] == "stopped", run.log_tail()
    assert (run.folder / "last" / "state.pt").is_file()
    assert "run apart in" in run.log_tail(1000)
    stopped_at = run.status()["progress"]["step"]
    with pytest.raises(UsageError) as refused:
        api.stop(run_id)
    assert str(refused.value) == "apart: expected a running training, found it stopped"

    api.resume(run_id)
    wait_until(lambda: run.status()["state"] == "running" and run.status()["progress"]["step"] > stopped_at)
    os.kill(run.status()["pid"], signal.SIGKILL)
    wait_until(lambda: run.status()["state"] != "running")
    assert run.status()["state"] == "failed"
    assert run.status()["error"] == "the training process ended without recording why; see the end of log.txt"
    api.delete(run_id)
    assert not run.folder.exists()


def test_a_training_on_another_machine_is_stopped_there(tiny, workplace):
    run = runs.create_run(tiny(), "far")
    run.write_status(state="running", pid=os.getpid(), process_start=1.0, host="elsewhere")
    with pytest.raises(UsageError) as refused:
        launcher.stop(run)
    assert str(refused.value) == ("far: expected its process on this machine, found it on elsewhere; stop it there")


def test_a_wrong_dataset_is_refused_before_a_run_is_made(tiny, workplace):
    with pytest.raises(UsageError, match="expected a folder with leftImg8bit/ and gtFine/, found no such folder"):
        api.launch(tiny(), "nowhere")
    assert list(runs.list_runs()) == []
