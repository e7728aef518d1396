"""Export of a label audit: a table of its regions, and a picture of each."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from PIL import Image

from cityseg.analysis.errors.label_audit import Disagreement, Verdict
from cityseg.analysis.tables import Table, to_csv
from cityseg.api.data.connect import connect, data_info
from cityseg.api.data.frames import frame_view
from cityseg.api.results.label_audit import AUDIT_CONFIDENCE, LabelAudit
from cityseg.classes import CLASS_NAMES
from cityseg.figures.images.crops import outlined_crop
from cityseg.files import writing
from cityseg.progress import OnProgress, reported
from cityseg.text import folder_name

TABLE = "regions.csv"
_PICTURES = "regions"
_QUALITY = 90
_COLUMNS = (
    *("number", "picture", "frame", "label", "predicted", "top", "left", "bottom", "right", "pixels"),
    *("share_of_frame", "confidence", "verdict"),
)


def audit_table(audit: LabelAudit, verdicts: Mapping[str, Verdict], *, confidence: float = AUDIT_CONFIDENCE) -> str:
    """Return the regions of at least ``confidence`` as CSV, largest first.

    ``picture`` is the path of the region's picture within an export; the box is in pixels of the label, its bottom and
    right edges excluded.
    """
    rows = []
    for number, each in _listed(audit, confidence):
        region = each.region
        share = region.area / int(audit.shapes[each.frame].prod())
        classes = (CLASS_NAMES[region.truth], CLASS_NAMES[region.predicted])
        sizes = (region.area, f"{share:.6f}", f"{region.confidence:.4f}")
        rows.append((number, _picture(number, each), each.name, *classes, *region.box, *sizes, verdicts.get(each.key)))
    return to_csv(Table(_COLUMNS, tuple(rows)))


def audit_zip(
    audit: LabelAudit,
    spec: str | None,
    verdicts: Mapping[str, Verdict],
    *,
    confidence: float = AUDIT_CONFIDENCE,
    limit: int | None = None,
) -> bytes:
    """Return a zip with the table of ``audit_table`` and the pictures of the ``limit`` largest regions."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        file.writestr(TABLE, audit_table(audit, verdicts, confidence=confidence))
        for name, picture in _pictures(audit, spec, confidence, limit, None):
            file.writestr(name, picture)
    return archive.getvalue()


def export_audit(
    audit: LabelAudit,
    spec: str | None,
    verdicts: Mapping[str, Verdict],
    out: Path,
    *,
    confidence: float = AUDIT_CONFIDENCE,
    limit: int | None = None,
    on_progress: OnProgress | None = None,
) -> int:
    """Write ``regions.csv`` and a JPEG per region, each with its surroundings, into a folder; return their number.

    ``limit`` is the number of pictures at most, None for all. Raises DataError if the folder cannot be written.
    """
    number = 0
    with writing(out / TABLE):
        (out / TABLE).write_text(audit_table(audit, verdicts, confidence=confidence), encoding="utf-8")
        for name, picture in _pictures(audit, spec, confidence, limit, on_progress):
            (out / _PICTURES).mkdir(exist_ok=True)
            (out / name).write_bytes(picture)
            number += 1
    return number


def _listed(audit: LabelAudit, confidence: float) -> list[tuple[int, Disagreement]]:
    return [(number, each) for number, each in enumerate(audit.found, 1) if each.region.confidence >= confidence]


def _picture(number: int, each: Disagreement) -> str:
    classes = f"{CLASS_NAMES[each.region.truth]}-as-{CLASS_NAMES[each.region.predicted]}"
    return f"{_PICTURES}/{number:05}-{folder_name(each.name, 60)}-{folder_name(classes)}.jpg"


def _pictures(
    audit: LabelAudit, spec: str | None, confidence: float, limit: int | None, on_progress: OnProgress | None
) -> Iterator[tuple[str, bytes]]:
    """Yield path and JPEG of each region; every frame is read once."""
    dataset, info = connect(spec), data_info(spec)
    chosen = sorted(_listed(audit, confidence)[:limit], key=lambda one: one[1].frame)
    view = None
    for number, each in reported(chosen, on_progress):
        if view is None or view.name != each.name:
            view = frame_view(dataset, audit.split, each.name)
        region, (height, width) = each.region, view.train_ids.shape
        stretch = 2.0 if info.is_squashed else 1.0
        crop = outlined_crop(view.photo, region.mask, region.box, (height, width), stretch=stretch)
        encoded = io.BytesIO()
        Image.fromarray(crop).save(encoded, "JPEG", quality=_QUALITY)
        yield _picture(number, each), encoded.getvalue()
