"""A home folder for all tests: nothing is in it but a name for git's commits.

Tests may be started with any HOME or none: settings of git and DVC, caches and keys of the user take no part,
nor does the repository of a git hook.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

MARK = "LEXICLIP_TEST_HOME"
GITCONFIG = """
[user]
    name = test
    email = test@localhost
[init]
    defaultBranch = main
[safe]
    directory = *
"""


def move_in() -> None:
    """For this process and all that it starts, pytest-xdist's workers among them."""
    if MARK in os.environ:
        return
    home = Path(tempfile.mkdtemp(prefix="lexiclip-home-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    (home / ".gitconfig").write_text(GITCONFIG)
    for name in [name for name in os.environ if name.startswith(("GIT_", "XDG_"))]:
        del os.environ[name]
    os.environ |= {
        MARK: "1",
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(home / "dvc"),  # a machine has one for all users, who may not write there
    }
