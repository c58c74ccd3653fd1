"""The study made again in fresh clones: do its outputs have the bytes that the committed dvc.lock has?

Every stage from `scenes` to `report` is forced under each setting of processors.py, one clone a setting; the
language model's answers and the CLIP are taken as they are: those are hours. `python bench/determinism.py
[SETTING…] [STAGE…]`: all settings by default, and all stages; some of them take what comes before as it is.
"""

import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from processors import SETTINGS, processor
from seeds import figures_of

from lexiclip.errors import InputError, run_stage
from lexiclip.files import read_json, read_yaml, write_json

ROOT = Path(__file__).resolve().parents[1]
PATH = "metrics/determinism.json"
TAKEN = ("compose", "write", "clip")


def main() -> None:
    stages = [name for name in sys.argv[1:] if name not in SETTINGS]
    if unknown := [name for name in stages if name.partition("@")[0] not in read_yaml("dvc.yaml")["stages"]]:
        raise InputError(f"{unknown[0]!r} is no stage, and settings are {', '.join(SETTINGS)}")
    differing: dict[str, list[str]] = {}
    for setting in [name for name in sys.argv[1:] if name in SETTINGS] or SETTINGS:
        start = time.monotonic()
        found = {"date": date.today().isoformat(), **made_again(SETTINGS[setting], stages)}
        found["minutes"] = round((time.monotonic() - start) / 60, 1)
        name = f"{setting}: {' '.join(stages)}" if stages else setting
        kept = read_json(PATH) if Path(PATH).is_file() else {}
        write_json(PATH, kept | {processor(): kept.get(processor(), {}) | {name: found}})
        print(f"{name}: {len(found['differing'])} of {found['outputs']} outputs differ -> {PATH}")
        differing[name] = found["differing"]
    if odd := {setting: paths for setting, paths in differing.items() if paths}:
        told = "; ".join(f"{setting}: {', '.join(paths)}" for setting, paths in odd.items())
        raise InputError(f"other bytes than dvc.lock: {told}")


def made_again(variables: dict[str, str], stages: list[str]) -> dict:
    """What `compare` finds after `stages`, or all, were run in a fresh clone, under these variables."""
    with tempfile.TemporaryDirectory() as folder:
        committed, clone = Path(folder, "committed"), Path(folder, "again")
        for copy in (committed, clone):
            subprocess.run(["git", "clone", "--quiet", ROOT, copy], check=True)
        listed = subprocess.run(
            ["dvc", "stage", "list", "--name-only"], cwd=clone, capture_output=True, text=True, check=True
        )
        subprocess.run(["dvc", "pull", "--quiet"], cwd=clone, check=True)
        if stages:  # what they need, and no cache holds
            subprocess.run(["dvc", "repro", "--quiet", *stages], cwd=clone, check=True)
        stages = stages or [name for name in listed.stdout.split() if not name.startswith(TAKEN)]
        again = ["dvc", "repro", "--force", "--single-item", *stages]
        own_code = {"PYTHONPATH": str(clone / "src")}
        subprocess.run(again, cwd=clone, env={**os.environ, **own_code, **variables}, check=True)
        return compare(committed, clone, stages)


def compare(committed: Path, clone: Path, stages: list[str]) -> dict:
    """The outputs of `stages` whose hashes differ between two repositories, and the mAP that does."""
    before, after = (read_yaml(root / "dvc.lock")["stages"] for root in (committed, clone))
    hashes, found = (
        {out["path"]: out["md5"] for name in stages for out in lock[name]["outs"]} for lock in (before, after)
    )
    was, now = (figures_of(read_json(root / "metrics/metrics.json"), ["mAP"]) for root in (committed, clone))
    return {
        "stages": len(stages),
        "outputs": len(hashes),
        "differing": [path for path, md5 in hashes.items() if found[path] != md5],
        "mAP moved by": {name: round(now[name] - was[name], 3) for name in was if now[name] != was[name]},
    }


if __name__ == "__main__":
    run_stage(main)
