"""What is used of open_clip, imported without what few CLIPs need and takes most of the time.

That is imported when it is asked for: transformers serves text towers that take no prompts, timm image
towers such as ConvNeXt's, huggingface_hub what is fetched. Of torchvision, open_clip uses transforms and one
class; all of it imports torch._dynamo.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

LATER = ("transformers", "timm", "huggingface_hub", "torchvision")


@contextmanager
def _without_extras() -> Iterator[None]:
    """A first import of open_clip inside is a quick one; afterwards all packages can be imported as ever."""
    if {"open_clip", *LATER} & sys.modules.keys():
        yield
        return
    folder = Path(find_spec("torchvision").origin).parent
    sys.modules |= dict.fromkeys(LATER)  # type: ignore[arg-type] # None: cannot be imported
    for name in ("torchvision", "torchvision.ops"):  # their modules can, without what they import themselves
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__path__ = [str(folder.parent.joinpath(*name.split(".")))]
    try:
        import open_clip.timm_model as towers
        from open_clip import pretrained, utils

        towers.timm, towers.to_2tuple = _Timm("timm"), utils.to_2tuple
        pretrained.hf_hub_download, pretrained._has_hf_hub = _fetched, True
        yield
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] in LATER]:
            del sys.modules[name]


class _Timm(ModuleType):
    """What open_clip takes for timm until it builds a tower of it."""

    def __getattr__(self, name: str) -> object:
        import open_clip.timm_model
        import timm
        from timm.layers import AttentionPool2d, Mlp, RotAttentionPool2d

        vars(open_clip.timm_model).update(
            timm=timm, AbsAttentionPool2d=AttentionPool2d, Mlp=Mlp, RotAttentionPool2d=RotAttentionPool2d
        )
        return getattr(timm, name)


def _fetched(*what: object, **how: object) -> str:
    from huggingface_hub import hf_hub_download

    return hf_hub_download(*what, **how)


with _without_extras():
    import open_clip
    from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
    from open_clip.convert import convert_state_dict
    from open_clip.model import convert_to_custom_text_state_dict, set_model_preprocess_cfg
    from open_clip.modified_resnet import AttentionPool2d, Bottleneck, ModifiedResNet
    from open_clip.timm_model import TimmModel
    from open_clip.tokenizer import SimpleTokenizer
    from open_clip.transform import PreprocessCfg, merge_preprocess_dict
    from open_clip.transformer import ResidualAttentionBlock, VisionTransformer

__all__ = [
    "OPENAI_DATASET_MEAN", "OPENAI_DATASET_STD", "AttentionPool2d", "Bottleneck", "ModifiedResNet",
    "PreprocessCfg", "ResidualAttentionBlock", "SimpleTokenizer", "TimmModel", "VisionTransformer",
    "convert_state_dict", "convert_to_custom_text_state_dict", "merge_preprocess_dict", "open_clip",
    "set_model_preprocess_cfg",
]  # fmt: skip
