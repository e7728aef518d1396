from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from cityseg.jobs.liveness import process_identity
from cityseg.jobs.load import GpuLoad, Load, find_load

_BUSY = "import time; block = bytearray(200_000_000); print('ready', flush=True)\nwhile True: pass"


def status_of(pid: int) -> dict[str, object]:
    return {"pid": pid, "process_start": process_identity(pid), "host": socket.gethostname()}


def test_a_busy_process_uses_a_core_and_its_memory(wait_until):
    busy = subprocess.Popen([sys.executable, "-c", _BUSY], stdout=subprocess.PIPE)
    try:
        busy.stdout.readline()
        first = find_load(status_of(busy.pid))
        assert 2e8 < first.memory_bytes < 4e8
        wait_until(lambda: find_load(status_of(busy.pid)).cpu_seconds > first.cpu_seconds + 0.3, 60)
        later = find_load(status_of(busy.pid))
        # One thread; less than a core where other processes take turns with it.
        assert 0 < later.cores_since(first) < 1.2
    finally:
        busy.kill()
        busy.wait()
        busy.stdout.close()


def test_children_count_too():
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    parent = subprocess.Popen(
        [sys.executable, "-c", code, "b = bytearray(200_000_000); print('ready', flush=True); input()"],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
    )
    try:
        parent.stdout.readline()
        assert find_load(status_of(parent.pid)).memory_bytes > 2e8
    finally:
        parent.communicate(b"\n", timeout=60)


@pytest.mark.parametrize("changed", [{"host": "another-machine"}, {"process_start": 1.0}, {"pid": None}])
def test_other_processes_have_no_load(changed):
    assert find_load(status_of(os.getpid())) is not None
    assert find_load(status_of(os.getpid()) | changed) is None


def test_no_time_is_no_load():
    assert Load(2.0, 1, 5.0).cores_since(Load(1.0, 1, 5.0)) == 0.0


def test_gpus_of_the_process_are_read_from_nvidia_smi(tmp_path, monkeypatch):
    """A stand-in prints what nvidia-smi prints on a machine with two GPUs; this process computes on the second."""
    script = tmp_path / "nvidia-smi"
    script.write_text(
        "#!/bin/sh\n"
        f'case "$1" in --query-gpu*) printf "GPU-a, 3, 81559\\nGPU-b, 87, 143771\\n";;\n'
        f'*) printf "GPU-a, 1, 500\\nGPU-b, {os.getpid()}, 2048\\nGPU-b, 1, 900\\n";; esac\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert find_load(status_of(os.getpid())).gpus == (GpuLoad(0.87, 2 * 2**30, 143771 * 2**20),)
    script.write_text("#!/bin/sh\nprintf 'no devices were found\\n'; exit 6\n")
    assert find_load(status_of(os.getpid())).gpus == ()
    gpu, process = "GPU-b, [N/A], 2048", f"GPU-b, {os.getpid()}, 2048"
    script.write_text(f'#!/bin/sh\ncase "$1" in --query-gpu*) echo "{gpu}";; *) echo "{process}";; esac\n')
    assert find_load(status_of(os.getpid())).gpus == (), "a GPU whose state is unknown is left out"
