"""What is used of open_clip, imported without transformers.

open_clip would import it for seconds, for text towers that take no prompts.
"""

import sys

asked_for = "transformers" in sys.modules
if not asked_for:
    sys.modules["transformers"] = None  # type: ignore[assignment]
try:
    import open_clip
    from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
    from open_clip.convert import convert_state_dict
    from open_clip.model import convert_to_custom_text_state_dict, set_model_preprocess_cfg
    from open_clip.modified_resnet import AttentionPool2d, Bottleneck, ModifiedResNet
    from open_clip.timm_model import TimmModel
    from open_clip.tokenizer import SimpleTokenizer
    from open_clip.transform import PreprocessCfg, merge_preprocess_dict
    from open_clip.transformer import ResidualAttentionBlock, VisionTransformer
finally:
    if not asked_for:
        del sys.modules["transformers"]

__all__ = [
    "OPENAI_DATASET_MEAN", "OPENAI_DATASET_STD", "AttentionPool2d", "Bottleneck", "ModifiedResNet",
    "PreprocessCfg", "ResidualAttentionBlock", "SimpleTokenizer", "TimmModel", "VisionTransformer",
    "convert_state_dict", "convert_to_custom_text_state_dict", "merge_preprocess_dict", "open_clip",
    "set_model_preprocess_cfg",
]  # fmt: skip
