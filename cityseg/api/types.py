"""What the app, the command line and the demo use from below ``api``: types, constants and small helpers."""

from cityseg.checkpoint import WEIGHTS, weights_version
from cityseg.data.augmentation.augment import Augmentation
from cityseg.data.dataset import SPLITS, Dataset, Problem, Split, default_data
from cityseg.data.frame_io import resize_label, resize_photo
from cityseg.data.image_io import ENDINGS, KINDS, MAX_PIXELS, decode_photo, read_photo_file
from cityseg.data.prepared.cache import CachedSplit
from cityseg.data.prepared.feature_map import FeatureMap
from cityseg.data.prepared.statistics import SplitStatistics, joined
from cityseg.data.synthetic import DAYTIMES, WEATHERS, Daytime, Weather, render
from cityseg.engine.preflight.lr_finder import HIGHEST, LOWEST, RateSearch
from cityseg.engine.preflight.overfit import OVERFIT_F1, OVERFIT_STEPS, OverfitCheck
from cityseg.engine.record import TrainingProgress
from cityseg.engine.runtime.allocator import freeze_loaded_objects, give_back_freed_memory, keep_freed_memory
from cityseg.files import client_name
from cityseg.inference.predictor import Prediction, Predictor
from cityseg.inference.resize import FITS, Fit
from cityseg.inference.upsample import probabilities_at
from cityseg.inference.video import LONGEST
from cityseg.jobs.liveness import is_waiting
from cityseg.jobs.preflight_record import KINDS as CHECK_KINDS
from cityseg.jobs.preflight_record import CheckKind
from cityseg.jobs.queue import MOST_SLOTS
from cityseg.jobs.signals import stop_signals
from cityseg.metrics import Metric, class_scores, ignite_mean_iou, macro, pixel_accuracy, summarize
from cityseg.metrics.boundary import boundary_distance, boundary_iou
from cityseg.metrics.calibration import CURVE_BINS, Reliability, reliability, risk_coverage
from cityseg.models.tta import parse_scales
from cityseg.runs import FrameConfusions, SplitDetail, read_probe, runs_root
