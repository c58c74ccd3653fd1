"""Stage encode_texts: every distinct text of every mix goes through the frozen text tower once."""

from lexiclip.clip.feature_store import write_store
from lexiclip.clip.image_tower import dense_tower
from lexiclip.clip.loading import load_clip
from lexiclip.devices import best_device
from lexiclip.errors import run_stage
from lexiclip.files import read_jsonl
from lexiclip.params import load_params


def main() -> None:
    params = load_params()
    clip = load_clip("models/clip", params.precision).to(best_device(params.precision))
    dense_tower(clip.visual)  # the score stage needs it: a model without should stop here, not after training
    mixes = [*params.variants, "heldout"]
    texts = [row["text"] for mix in mixes for row in read_jsonl(f"data/mixes/{mix}.jsonl")]
    write_store("data/features", clip, texts)
    print(f"{len(set(texts))} distinct texts of {len(texts)} -> data/features")


run_stage(main)
