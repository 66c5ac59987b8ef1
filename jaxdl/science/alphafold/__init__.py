"""AlphaFold 2 by the numbers of its algorithms (Jumper et al. 2021, supplement)."""

"""AlphaFold 2: the structure of a protein from sequences like it (Jumper et al. 2021).

The files follow the supplement's algorithms by number. Every module is exported under the
supplement's own name as well, in lower case.
"""

from jaxdl.science.alphafold.convert import convert, to_params
from jaxdl.science.alphafold.evoformer import (
    EvoformerBlock,
    EvoformerStack,
    ExtraMSAStack,
    Representations,
    Sizes,
)
from jaxdl.science.alphafold.msa import (
    MSAColumnAttention,
    MSAColumnGlobalAttention,
    MSARowAttentionWithPairBias,
    MSATransition,
    OuterProductMean,
)
from jaxdl.science.alphafold.pair import (
    PairTransition,
    TriangleAttentionEndingNode,
    TriangleAttentionStartingNode,
    TriangleMultiplicationIncoming,
    TriangleMultiplicationOutgoing,
)

evoformer_stack = EvoformerStack
extra_msa_stack = ExtraMSAStack
msa_column_attention = MSAColumnAttention
msa_column_global_attention = MSAColumnGlobalAttention
msa_row_attention_with_pair_bias = MSARowAttentionWithPairBias
msa_transition = MSATransition
outer_product_mean = OuterProductMean
pair_transition = PairTransition
triangle_attention_ending_node = TriangleAttentionEndingNode
triangle_attention_starting_node = TriangleAttentionStartingNode
triangle_multiplication_incoming = TriangleMultiplicationIncoming
triangle_multiplication_outgoing = TriangleMultiplicationOutgoing

__all__ = [
    "EvoformerBlock",
    "EvoformerStack",
    "ExtraMSAStack",
    "MSAColumnAttention",
    "MSAColumnGlobalAttention",
    "MSARowAttentionWithPairBias",
    "MSATransition",
    "OuterProductMean",
    "PairTransition",
    "Representations",
    "Sizes",
    "TriangleAttentionEndingNode",
    "TriangleAttentionStartingNode",
    "TriangleMultiplicationIncoming",
    "TriangleMultiplicationOutgoing",
    "convert",
    "evoformer_stack",
    "extra_msa_stack",
    "msa_column_attention",
    "msa_column_global_attention",
    "msa_row_attention_with_pair_bias",
    "msa_transition",
    "outer_product_mean",
    "pair_transition",
    "to_params",
    "triangle_attention_ending_node",
    "triangle_attention_starting_node",
    "triangle_multiplication_incoming",
    "triangle_multiplication_outgoing",
]
