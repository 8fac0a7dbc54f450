"""Position embeddings by products of matrices: the numbers of the model's own way."""

import pytest
import torch
import transformers

from pixwise.export.places import place_by_products


@pytest.fixture
def embeddings():
    config = transformers.Dinov2Config(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, image_size=126)
    made = transformers.Dinov2Model(config).embeddings
    torch.nn.init.normal_(made.position_embeddings)
    return made


@pytest.mark.parametrize("size_hw", [(126, 126), (126, 98), (14, 28), (518, 42)], ids=str)
@torch.no_grad()
def test_places_of_another_grid_are_the_models_own(embeddings, size_hw):
    tokens = torch.zeros(1, 1 + size_hw[0] // 14 * (size_hw[1] // 14), 8)
    wanted = embeddings.interpolate_pos_encoding(tokens, *size_hw)
    place_by_products(embeddings)
    torch.testing.assert_close(embeddings.interpolate_pos_encoding(tokens, *size_hw), wanted, atol=1e-4, rtol=0)
