"""Makes the golden folders beside it with torch and transformers, which no test needs.

    python -m venv peers; peers/bin/pip install torch transformers
    HF_HUB_OFFLINE=1 peers/bin/python tests/language/golden/make.py

Each folder is a Hugging Face model of random weights. `expected.safetensors` beside it has inputs,
and outputs, loss and gradients in float64 as transformers computes them, and the losses of ten
steps of AdamW.
"""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertForPreTraining, GPT2Config, GPT2LMHeadModel

HERE = Path(__file__).parent
STEPS = 10
RATE = 1e-2
DECAY = 0.1


def randomize(model, seed):
    """Draws all weights, so that no bias is 0 and no scale is 1; float32 can hold them."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator) * 0.2
            parameter.copy_(noise + (parameter.mean() if parameter.ndim == 1 else 0.0))
    return model


def write(name, model, inputs, outputs):
    """Writes the folder of a model.

    Args:
      name: of the folder.
      model: of transformers.
      inputs: what it is called with, by name.
      outputs: what it returns, inputs -> what is to be kept, by name.
    """
    model.float().save_pretrained(HERE / name)
    config = HERE / name / "config.json"
    content = json.loads(config.read_text())
    config.write_text(json.dumps(content | {"transformers_version": None}, indent=2) + "\n")
    model = model.double().eval()
    found = outputs(model(**inputs), inputs)
    kept = {f"input.{key}": value for key, value in inputs.items()}
    kept |= {key: value.detach() for key, value in found.items()}
    found["loss"].backward()
    for key, parameter in model.named_parameters():
        kept[f"gradient.{key}"] = parameter.grad.clone()
    kept["curve"] = train(model, lambda: outputs(model(**inputs), inputs)["loss"])
    save_file(
        {key: value.contiguous() for key, value in kept.items()},
        HERE / name / "expected.safetensors",
    )
    for other in HERE.joinpath(name).glob("generation_config.json"):
        other.unlink()


def train(model, loss_of):
    """Returns the losses before each of ten steps of AdamW."""
    tx = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY, eps=1e-8)
    losses = []
    for _ in range(STEPS):
        tx.zero_grad()
        loss = loss_of()
        loss.backward()
        tx.step()
        losses.append(loss.detach())
    return torch.stack(losses)


def make_gpt2():
    """Writes a GPT-2 of two layers."""
    config = GPT2Config(
        vocab_size=31, n_positions=12, n_embd=16, n_layer=2, n_head=4,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    model = randomize(GPT2LMHeadModel(config), 0)
    tokens = torch.from_numpy(np.random.default_rng(0).integers(0, 31, (3, 11)))
    inputs = {"input_ids": tokens, "labels": tokens.clone()}

    def outputs(found, inputs):
        """transformers casts logits to float32 for its loss; here they stay float64."""
        rows, targets = found.logits[:, :-1].flatten(0, 1), inputs["labels"][:, 1:].flatten()
        return {"logits": found.logits, "loss": torch.nn.functional.cross_entropy(rows, targets)}

    write("gpt2", model, inputs, outputs)


def make_bert():
    """Writes a BERT of two layers.

    No token is 0, since torch's embedding gives that one no gradient where it is read.
    """
    config = BertConfig(
        vocab_size=31, hidden_size=16, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=24, max_position_embeddings=12,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    model = randomize(BertForPreTraining(config), 1)
    draw = np.random.default_rng(1)
    tokens = torch.from_numpy(draw.integers(1, 31, (3, 11)))
    masked = torch.from_numpy(draw.random((3, 11)) < 0.4)
    inputs = {
        "input_ids": tokens,
        "token_type_ids": (torch.arange(11) > 5).long().expand(3, 11).contiguous(),
        "attention_mask": (torch.arange(11) < torch.tensor([[11], [7], [9]])).long(),
        "labels": torch.where(masked, torch.from_numpy(draw.integers(0, 31, (3, 11))), -100),
        "next_sentence_label": torch.tensor([0, 1, 1]),
    }

    def outputs(found, inputs):
        return {
            "words": found.prediction_logits,
            "next_sentence": found.seq_relationship_logits,
            "loss": found.loss,
        }

    write("bert", model, inputs, outputs)


if __name__ == "__main__":
    make_gpt2()
    make_bert()
