"""Build hook: a wheel carries the app, its pages, its theme and a few shipped models as ``cityseg/_studio``."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

MODELS = ("experiment-1", "better-1", "best-1", "best-live", "best-6")
"""Two groups that Compare can set side by side: three of the smallest budget, and the fast and the accurate one."""
STUDIO = ("app.py", "pages/*.py", ".streamlit/config.toml", *(f"checkpoints/{model}/*" for model in MODELS))


def studio_files() -> dict[str, list[Path]]:
    """Return the files outside the package that a wheel carries, by the pattern that names them."""
    return {pattern: sorted(Path().glob(pattern)) for pattern in STUDIO}


class BuildStudio(build_py):
    """Adds the studio's files to the build; an editable installation finds them in the checkout."""

    def run(self) -> None:
        """Build the package, then copy the studio's files into it; raises FileNotFoundError if some are missing."""
        if self.editable_mode:
            return super().run()
        shutil.rmtree(self.build_lib, ignore_errors=True)  # leaves out modules that moved since the last build
        super().run()
        for pattern, files in studio_files().items():
            if not files:
                raise FileNotFoundError(f"{pattern}: expected files for the wheel, found none; correct STUDIO")
            for file in files:
                target = Path(self.build_lib, "cityseg", "_studio", file)
                target.parent.mkdir(parents=True, exist_ok=True)
                self.copy_file(str(file), str(target))

    def get_source_files(self) -> list[str]:
        """Return the files of a source distribution."""
        return [*super().get_source_files(), *(str(file) for files in studio_files().values() for file in files)]


setup(cmdclass={"build_py": BuildStudio})
