"""Writing a store takes the memory of a batch, not of the store."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys
import open_clip
from lexiclip.clip.feature_store import open_store, write_store

vision = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None}
text = {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 1, "layers": 1}
clip = open_clip.CLIP(embed_dim=1024, vision_cfg=vision, text_cfg=text).eval()
texts = [f"number {i}" for i in range(8000)]

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

write_store(sys.argv[1], clip, texts[:1000], batch_tokens=2048)
before = peak()
write_store(sys.argv[1], clip, texts, batch_tokens=2048)
print(peak() - before, open_store(sys.argv[1]).features.nbytes)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_store(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, tmp_path], capture_output=True, text=True, check=True
    )
    grown, written = map(int, done.stdout.split())
    assert written > 70e6
    assert grown < written / 4
