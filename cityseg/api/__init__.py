"""The verbs of the studio. The app, the command line and the demo call only this package.

``cityseg.api.data`` connects and describes datasets, ``cityseg.api.runs`` trains, ``cityseg.api.results`` lists,
``cityseg.api.queue`` lets runs wait for a slot, ``cityseg.api.evaluation`` scores and ``cityseg.api.models`` predicts.
Every request and result is typed; nothing here prints.
"""

from cityseg.api.agreeing import Agreed, agree
from cityseg.api.audit import CONFIDENCE, Audit, audit_file, audit_report, find_audit, judge, make_audit, read_verdicts
from cityseg.api.augment import AugmentedView, augmented_views
from cityseg.api.averaging import average
from cityseg.api.bench import BenchResult, bench
from cityseg.api.clips import ClipResult, predict_clip
from cityseg.api.compare import compare
from cityseg.api.data import (
    DataInfo,
    FrameView,
    Verification,
    connect,
    data_info,
    frame_view,
    prepare,
    splits_with_frames,
    synthesize,
    verify,
)
from cityseg.api.estimates import Cost, Estimate, cost_of, estimate
from cityseg.api.evaluation import evaluate
from cityseg.api.exporting import Format, export
from cityseg.api.familiar import familiarity
from cityseg.api.flips import flips
from cityseg.api.inspect import inspect, inspect_pixel
from cityseg.api.models import (
    ModelInfo,
    load_predictor,
    model_folder,
    models,
    predict_photos,
)
from cityseg.api.preparation import (
    Preparation,
    find_preparation,
    prepare_on_record,
    start_preparation,
    stop_preparation,
)
from cityseg.api.publish import publish
from cityseg.api.queue import (
    advance_queue,
    find_queue,
    launch,
    move_in_queue,
    resume,
    set_slots,
    withdraw,
)
from cityseg.api.results import Result, find_result, list_results
from cityseg.api.robustness import Robustness, find_robustness, measure_robustness, robustness_files
from cityseg.api.runs import (
    DeviceInfo,
    delete,
    device_info,
    stop,
    train,
)
from cityseg.api.scenes import DrawnStreet, draw_street
from cityseg.api.stats import statistics, stats_report
from cityseg.api.sweeps import launch_sweep, list_groups
from cityseg.api.trials import (
    find_rate,
    find_trial,
    measure_time,
    overfit,
    start_trial,
    stop_trial,
)
from cityseg.queue import Queue
from cityseg.trials import Trial, running_trials

__all__ = [
    "CONFIDENCE",
    "Agreed",
    "Audit",
    "AugmentedView",
    "BenchResult",
    "ClipResult",
    "Cost",
    "DataInfo",
    "DeviceInfo",
    "DrawnStreet",
    "Estimate",
    "Format",
    "FrameView",
    "ModelInfo",
    "Preparation",
    "Queue",
    "Result",
    "Robustness",
    "Trial",
    "Verification",
    "advance_queue",
    "agree",
    "audit_file",
    "audit_report",
    "augmented_views",
    "average",
    "bench",
    "compare",
    "connect",
    "cost_of",
    "data_info",
    "delete",
    "device_info",
    "draw_street",
    "estimate",
    "evaluate",
    "export",
    "familiarity",
    "find_audit",
    "find_preparation",
    "find_queue",
    "find_rate",
    "find_result",
    "find_robustness",
    "find_trial",
    "flips",
    "frame_view",
    "inspect",
    "inspect_pixel",
    "judge",
    "launch",
    "launch_sweep",
    "list_groups",
    "list_results",
    "load_predictor",
    "make_audit",
    "measure_robustness",
    "measure_time",
    "model_folder",
    "models",
    "move_in_queue",
    "overfit",
    "predict_clip",
    "predict_photos",
    "prepare",
    "prepare_on_record",
    "publish",
    "read_verdicts",
    "resume",
    "robustness_files",
    "running_trials",
    "set_slots",
    "splits_with_frames",
    "start_preparation",
    "start_trial",
    "statistics",
    "stats_report",
    "stop",
    "stop_preparation",
    "stop_trial",
    "synthesize",
    "train",
    "verify",
    "withdraw",
]
