"""Language: text and its tokens, models of it, and what they are asked.

The names are loaded on first use, so that flags can be checked before JAX is imported. As in every
room of learners, `jaxdl.language.gpt2` is the function: see the rule in `jaxdl.rl`.
"""

from typing import TYPE_CHECKING

from jaxdl.lazy import keep_functions, load_lazily

if TYPE_CHECKING:
    from jaxdl.language.bert import bert as bert
    from jaxdl.language.deployment import classifier_deployment as classifier_deployment
    from jaxdl.language.deployment import decoder_deployment as decoder_deployment
    from jaxdl.language.deployment import encoder_deployment as encoder_deployment
    from jaxdl.language.exhibits import attention_exhibit as attention_exhibit
    from jaxdl.language.exhibits import fillings_exhibit as fillings_exhibit
    from jaxdl.language.exhibits import texts_exhibit as texts_exhibit
    from jaxdl.language.finetune import finetune as finetune
    from jaxdl.language.generate import generate as generate
    from jaxdl.language.gpt2 import gpt2 as gpt2
    from jaxdl.language.hugging_face import load as load
    from jaxdl.language.hugging_face import save as save
    from jaxdl.language.label_exhibits import few_labels_exhibit as few_labels_exhibit
    from jaxdl.language.streaming import stream as stream

_HOME = {
    "attention_exhibit": "exhibits",
    "bert": "bert",
    "classifier_deployment": "deployment",
    "decoder_deployment": "deployment",
    "encoder_deployment": "deployment",
    "few_labels_exhibit": "label_exhibits",
    "fillings_exhibit": "exhibits",
    "finetune": "finetune",
    "generate": "generate",
    "gpt2": "gpt2",
    "load": "hugging_face",
    "save": "hugging_face",
    "stream": "streaming",
    "texts_exhibit": "exhibits",
}
_MODULES = ("corpus", "symbolic", "tokenizers", "zero_shot")

__getattr__, __dir__ = load_lazily(__name__, _HOME, _MODULES)
keep_functions(__name__, _HOME)
