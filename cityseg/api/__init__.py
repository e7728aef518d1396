"""The verbs of the studio. The app, the command line and the demo call only this package.

``cityseg.api.data`` connects and describes datasets, ``cityseg.api.runs`` trains and lists results,
``cityseg.api.models`` evaluates and predicts. Every request and result is typed; nothing here prints.
"""

from cityseg.api.data import (
    DataInfo,
    FrameView,
    connect,
    data_info,
    frame_view,
    prepare,
    splits_with_frames,
    statistics,
    stats_report,
    synthesize,
)
from cityseg.api.models import (
    ModelInfo,
    evaluate,
    load_predictor,
    model_folder,
    models,
    predict_photos,
)
from cityseg.api.publish import publish
from cityseg.api.runs import (
    DeviceInfo,
    Result,
    delete,
    device_info,
    find_result,
    launch,
    list_results,
    resume,
    stop,
    train,
)

__all__ = [
    "DataInfo",
    "DeviceInfo",
    "FrameView",
    "ModelInfo",
    "Result",
    "connect",
    "data_info",
    "delete",
    "device_info",
    "evaluate",
    "find_result",
    "frame_view",
    "launch",
    "list_results",
    "load_predictor",
    "model_folder",
    "models",
    "predict_photos",
    "prepare",
    "publish",
    "resume",
    "splits_with_frames",
    "statistics",
    "stats_report",
    "stop",
    "synthesize",
    "train",
]
