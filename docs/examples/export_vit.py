"""A checkpoint becomes a folder that Pixwise runs without torch. Needs pip install 'pixwise[torch]'."""

import json
from pathlib import Path

import transformers

import pixwise as px
from pixwise.export import export

# A tiny ViT without training stands for the checkpoint that you have.
config = transformers.ViTConfig(
    hidden_size=32,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=32,
    image_size=64,
    id2label={0: "cat", 1: "dog"},
)
transformers.ViTForImageClassification(config).save_pretrained("checkpoint")
Path("checkpoint/preprocessor_config.json").write_text(
    json.dumps({"image_processor_type": "ViTImageProcessor", "size": {"height": 64, "width": 64}})
)

done = export("checkpoint", "models/mine", progress=print)
print(done.licence or "licence unknown", f"{done.bytes / 1e6:.1f} MB")
print(px.classify("examples/scene.png", model="models/mine", min_score=0.0))
