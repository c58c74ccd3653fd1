"""The study made again in a fresh clone: do its outputs have the bytes that the committed dvc.lock has?

And how far does mAP move where they do not? The language model's answers and the CLIP are taken as they are:
those are hours. PyTorch's variables show what another processor would do: README has the command.
"""

import subprocess
import tempfile
from pathlib import Path

import torch
from seeds import mean_average_precisions

from lexiclip.errors import InputError, run_stage
from lexiclip.files import read_json, read_yaml, write_json

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
        subprocess.run(["dvc", "pull", "--quiet"], cwd=clone, check=True)
        subprocess.run(["dvc", "repro", "--force", "--single-item", *stages], cwd=clone, check=True)
        found = compare(ROOT, clone, stages)
    instructions = torch.backends.cpu.get_cpu_capability()
    kept = read_json(PATH) if Path(PATH).is_file() else {}
    write_json(PATH, kept | {instructions: found})
    print(f"{instructions}: {len(found['differing'])} of {found['outputs']} outputs differ")
    for name, moved in found["mAP moved by"].items():
        print(f"{name:<28}{moved:8.3f}")
    print(f"-> {PATH}")
    if found["differing"]:
        raise InputError(f"other bytes than dvc.lock: {', '.join(found['differing'])}")


def compare(committed: Path, clone: Path, stages: list[str]) -> dict:
    """The outputs of `stages` whose hashes differ between two repositories, and the mAP that does."""
    before, after = (read_yaml(root / "dvc.lock")["stages"] for root in (committed, clone))
    hashes, found = (
        {out["path"]: out["md5"] for name in stages for out in lock[name]["outs"]} for lock in (before, after)
    )
    was, now = (
        mean_average_precisions(read_json(root / "metrics/metrics.json")) for root in (committed, clone)
    )
    return {
        "stages": len(stages),
        "outputs": len(hashes),
        "differing": [path for path, md5 in hashes.items() if found[path] != md5],
        "mAP moved by": {name: round(now[name] - was[name], 3) for name in was if now[name] != was[name]},
    }


if __name__ == "__main__":
    run_stage(main)
