"""The verbs of the studio: one typed function per request, for the app, the command line, the demo and Python programs.

``api.data`` connects, prepares and describes datasets, ``api.training`` creates, queues and trains runs, ``api.models``
predicts, exports and publishes, ``api.results`` lists, evaluates, compares and inspects. Nothing here prints.
"""

from cityseg.api.data.augmentation import AugmentedView, augmented_views
from cityseg.api.data.connect import DataInfo, connect, data_info, splits_with_frames
from cityseg.api.data.frames import FrameView, frame_view
from cityseg.api.data.preparation import find_preparation, prepare_recorded, start_preparation, stop_preparation
from cityseg.api.data.prepare import prepare
from cityseg.api.data.statistics import statistics, stats_report
from cityseg.api.data.synthetic import SyntheticScene, render_scene, synthesize
from cityseg.api.data.verify import Verification, verify
from cityseg.api.models.agreement import ModelAgreement, agree
from cityseg.api.models.average import average
from cityseg.api.models.distribution_shift import distribution_shift
from cityseg.api.models.export import Format, export
from cityseg.api.models.predict import (
    ModelInfo,
    distinct_names,
    list_models,
    load_predictor,
    model_folder,
    predict_photos,
)
from cityseg.api.models.publish import publish
from cityseg.api.models.video import VideoResult, predict_video
from cityseg.api.results.compare import Comparison, PairComparison, compare, compare_pair
from cityseg.api.results.evaluate import evaluate
from cityseg.api.results.flips import flips
from cityseg.api.results.inspect import inspect, inspect_pixel
from cityseg.api.results.label_audit import (
    AUDIT_CONFIDENCE,
    LabelAudit,
    audit_file,
    audit_labels,
    audit_report,
    find_audit,
    read_verdicts,
    set_verdict,
)
from cityseg.api.results.listing import Result, find_result, list_results, usable_models
from cityseg.api.results.robustness import Robustness, find_robustness, measure_robustness, robustness_files
from cityseg.api.training.bench import BenchResult, bench
from cityseg.api.training.cost_estimate import Cost, Estimate, cost_of, estimate
from cityseg.api.training.launch import launch, launch_sweep, list_groups, resume
from cityseg.api.training.preflight import find_check, find_rate, measure_time, overfit, start_check, stop_check
from cityseg.api.training.train import DeviceInfo, delete, device_info, stop, train
from cityseg.jobs.preflight_record import PreflightCheck, running_checks
from cityseg.jobs.queue import Queue, set_slots, withdraw
from cityseg.jobs.queue import advance as advance_queue
from cityseg.jobs.queue import move as move_in_queue
from cityseg.jobs.queue import read as find_queue
from cityseg.jobs.record import JobStatus

__all__ = [
    "AUDIT_CONFIDENCE",
    "AugmentedView",
    "BenchResult",
    "Comparison",
    "Cost",
    "DataInfo",
    "DeviceInfo",
    "Estimate",
    "Format",
    "FrameView",
    "JobStatus",
    "LabelAudit",
    "ModelAgreement",
    "ModelInfo",
    "PairComparison",
    "PreflightCheck",
    "Queue",
    "Result",
    "Robustness",
    "SyntheticScene",
    "Verification",
    "VideoResult",
    "advance_queue",
    "agree",
    "audit_file",
    "audit_labels",
    "audit_report",
    "augmented_views",
    "average",
    "bench",
    "compare",
    "compare_pair",
    "connect",
    "cost_of",
    "data_info",
    "delete",
    "device_info",
    "distinct_names",
    "distribution_shift",
    "estimate",
    "evaluate",
    "export",
    "find_audit",
    "find_check",
    "find_preparation",
    "find_queue",
    "find_rate",
    "find_result",
    "find_robustness",
    "flips",
    "frame_view",
    "inspect",
    "inspect_pixel",
    "launch",
    "launch_sweep",
    "list_groups",
    "list_models",
    "list_results",
    "load_predictor",
    "measure_robustness",
    "measure_time",
    "model_folder",
    "move_in_queue",
    "overfit",
    "predict_photos",
    "predict_video",
    "prepare",
    "prepare_recorded",
    "publish",
    "read_verdicts",
    "render_scene",
    "resume",
    "robustness_files",
    "running_checks",
    "set_slots",
    "set_verdict",
    "splits_with_frames",
    "start_check",
    "start_preparation",
    "statistics",
    "stats_report",
    "stop",
    "stop_check",
    "stop_preparation",
    "synthesize",
    "train",
    "usable_models",
    "verify",
    "withdraw",
]
