"""The study made again in a fresh clone: do its outputs have the bytes that the committed dvc.lock has?

The language model's answers and the CLIP are taken as they are: those are hours.
"""

import subprocess
import tempfile
from pathlib import Path

from lexiclip.errors import InputError, run_stage
from lexiclip.files import read_yaml, write_json

ROOT = Path(__file__).resolve().parents[1]
PATH = "metrics/determinism.json"
TAKEN = ("compose", "write", "judge", "clip")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder, "lexiclip")
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        listed = subprocess.run(
            ["dvc", "stage", "list", "--name-only"], cwd=clone, capture_output=True, text=True
        )
        stages = [name for name in listed.stdout.split() if not name.startswith(TAKEN)]
        committed = hashes(clone)
        subprocess.run(["dvc", "pull", "--quiet"], cwd=clone, check=True)
        subprocess.run(["dvc", "repro", "--force", "--single-item", *stages], cwd=clone, check=True)
        found = hashes(clone)
    made = [path for stage in stages for path in committed[stage]]
    differing = [
        path for stage in stages for path, md5 in committed[stage].items() if found[stage][path] != md5
    ]
    write_json(PATH, {"stages": len(stages), "outputs": len(made), "differing": differing})
    print(f"{len(stages)} stages made {len(made)} outputs again, {len(differing)} differ -> {PATH}")
    if differing:
        raise InputError(f"other bytes than dvc.lock: {', '.join(differing)}")


def hashes(clone: Path) -> dict[str, dict[str, str]]:
    """The hash of every output by stage and path, of a repository's dvc.lock."""
    stages = read_yaml(clone / "dvc.lock")["stages"]
    return {name: {out["path"]: out["md5"] for out in stage["outs"]} for name, stage in stages.items()}


if __name__ == "__main__":
    run_stage(main)
