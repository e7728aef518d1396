"""The verbs of the studio: one typed function per request, for the app, the command line, the demo and Python programs.

``api.data`` connects, prepares and describes datasets, ``api.training`` creates, queues and trains runs, ``api.models``
predicts, exports and publishes, ``api.results`` lists, evaluates, compares and inspects. Nothing here prints.

Arguments that recur:

- ``model`` (MODEL): a run's id, the name of a shipped model, or a folder with a checkpoint. An unknown one raises
  UsageError, a damaged one CheckpointError.
- ``spec``, ``data``: a dataset as ``connect`` takes it: a folder, ``synthetic``, None for the default or, where the
  type allows it, a dataset that is already connected. A wrong one raises UsageError or DataError.
- ``split``: val, test or train; ``runs``: the folder of runs, by default ``$CITYSEG_RUNS`` or ``runs``; ``out``: a
  folder for results, created if missing, or a DataError.
- ``flip``, ``scales``: test-time augmentation, see ``cityseg.models.tta``; ``fit``: how a photo is resized to the
  model's input, see ``cityseg.inference.resize``.
- ``on_progress``: called with (frames done, frames in all), first while frames are decoded, if necessary, then while
  they are processed. An exception that it raises cancels the work.
"""

from cityseg.api.data.augmentation import AugmentedView, augmented_views
from cityseg.api.data.connect import DataInfo, connect, data_info, given_path, splits_with_frames
from cityseg.api.data.feature_map import (
    default_map_model,
    feature_map,
    find_feature_map,
    find_map_job,
    start_feature_map,
    stop_feature_map,
)
from cityseg.api.data.frame_notes import (
    LONGEST_VIEW_NAME,
    FrameNotes,
    delete_view,
    frame_tags_csv,
    read_frame_notes,
    save_view,
    tag_frames,
    write_frame_tags,
)
from cityseg.api.data.frames import FrameView, frame_view
from cityseg.api.data.preparation import find_preparation, prepare_recorded, start_preparation, stop_preparation
from cityseg.api.data.prepare import prepare
from cityseg.api.data.similar_frames import duplicates_report, map_report
from cityseg.api.data.statistics import statistics, stats_report
from cityseg.api.data.synthetic import SyntheticScene, render_scene, synthesize
from cityseg.api.data.verify import Verification, verify
from cityseg.api.models.agreement import ModelAgreement, agree
from cityseg.api.models.average import average
from cityseg.api.models.distribution_shift import distribution_shift
from cityseg.api.models.export import Format, export
from cityseg.api.models.model_card import describe_model
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
from cityseg.api.results.audit_export import audit_table, audit_zip, export_audit
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
from cityseg.api.results.listing import (
    ConnectedData,
    DamagedResult,
    Listing,
    Result,
    find_result,
    list_all,
    list_results,
    ranked,
    usable_models,
)
from cityseg.api.results.manage import delete, rename
from cityseg.api.results.measure import (
    Measuring,
    find_measuring,
    measure,
    measure_recorded,
    start_measuring,
    stop_measuring,
)
from cityseg.api.results.notes import LONGEST_NOTE, MOST_TAGS, Notes, annotate
from cityseg.api.results.robustness import Robustness, find_robustness, measure_robustness, robustness_files
from cityseg.api.training.bench import BenchResult, bench
from cityseg.api.training.cost_estimate import Cost, CostEstimate, cost_of, estimate
from cityseg.api.training.launch import launch, launch_sweep, list_groups, resume
from cityseg.api.training.preflight import find_check, find_rate, measure_time, overfit, start_check, stop_check
from cityseg.api.training.train import DeviceInfo, device_info, stop, train
from cityseg.jobs.load import Load, find_load
from cityseg.jobs.preflight_record import PreflightCheck, running_checks
from cityseg.jobs.queue import Queue, set_slots, withdraw
from cityseg.jobs.queue import advance as advance_queue
from cityseg.jobs.queue import move as move_in_queue
from cityseg.jobs.queue import read as find_queue
from cityseg.jobs.record import JobStatus
