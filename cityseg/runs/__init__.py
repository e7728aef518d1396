"""Run folders, the only record of a run: reading and writing one, listing them, creating one.

Shipped models in ``checkpoints/`` have the same layout and are read the same way.
"""

from cityseg.runs.create import create_run, provenance
from cityseg.runs.folder import Run
from cityseg.runs.listing import find_run, list_runs, runs_root
from cityseg.runs.measurements import Detail, FrameConfusions, SplitDetail, read_probe
from cityseg.runs.records import State
