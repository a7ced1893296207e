"""Where the package of the build is."""
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("HAPLO_BUILD", ROOT / "build"))
# For a Python that a test starts. Other programs don't need the sanitizer.
PYTHON_ENV = {"PYTHONPATH": str(BUILD / "python"),
              "PYTHONDONTWRITEBYTECODE": "1"}
