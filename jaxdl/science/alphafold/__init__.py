"""AlphaFold 2: the structure of a protein from sequences like it (Jumper et al. 2021).

The files follow the supplement's algorithms by number. Every module is exported under the
supplement's own name as well, in lower case.
"""

from jaxdl.lazy import load_lazily
from jaxdl.science.alphafold.atoms import (
    compute_all_atom_coordinates,
    make_rot_x,
)
from jaxdl.science.alphafold.chi import (
    KnownGroups,
    KnownTorsions,
    rigid_groups,
    torsion_angles,
)
from jaxdl.science.alphafold.confidence import (
    PredictAlignedError,
    PredictPerResidueLDDT,
    PredictResolved,
    aligned_error_loss,
    plddt,
    plddt_loss,
    predicted_aligned_error,
    predicted_tm_score,
    resolved_loss,
)
from jaxdl.science.alphafold.convert import (
    convert,
    to_params,
)
from jaxdl.science.alphafold.distance_attention import (
    DistanceAttention,
)
from jaxdl.science.alphafold.embedding import (
    InputEmbedder,
    RecyclingEmbedder,
    RelPos,
    one_hot,
)
from jaxdl.science.alphafold.evoformer import (
    EvoformerBlock,
    EvoformerStack,
    ExtraMSAStack,
    Representations,
)
from jaxdl.science.alphafold.examples import (
    Example,
    alignment_example,
    blank_example,
    chain_examples,
    crop,
    find_templates,
)
from jaxdl.science.alphafold.fape import (
    backbone_fape,
    fape,
    rename_symmetric_ground_truth_atoms,
    side_chain_fape,
    torsion_angle_loss,
)
from jaxdl.science.alphafold.features import (
    Features,
    Sampling,
    delete_blocks,
    make_features,
)
from jaxdl.science.alphafold.heads import (
    DistogramHead,
    MaskedMSAHead,
    distogram_loss,
    masked_msa_loss,
)
from jaxdl.science.alphafold.ipa import (
    InvariantPointAttention,
)
from jaxdl.science.alphafold.learner import (
    alphafold,
    distill,
)
from jaxdl.science.alphafold.loss import (
    FINE_TUNING,
    TRAINING,
    Weights,
    alphafold_loss,
)
from jaxdl.science.alphafold.msa import (
    MSAColumnAttention,
    MSAColumnGlobalAttention,
    MSARowAttentionWithPairBias,
    MSATransition,
    OuterProductMean,
)
from jaxdl.science.alphafold.network import (
    PAPER,
    AlphaFold,
    Outputs,
    Recycled,
    Sizes,
    Without,
)
from jaxdl.science.alphafold.pair import (
    PairTransition,
    TriangleAttentionEndingNode,
    TriangleAttentionStartingNode,
    TriangleMultiplicationIncoming,
    TriangleMultiplicationOutgoing,
)
from jaxdl.science.alphafold.queries import (
    Query,
    as_protein,
    embedded_query,
    make_query,
    pad_example,
    query_example,
    read_queries,
    without_padding,
)
from jaxdl.science.alphafold.recycling import (
    Prediction,
    init_params,
    predict,
)
from jaxdl.science.alphafold.sizes import (
    read_sizes,
    sizes_of,
)
from jaxdl.science.alphafold.structure import (
    BackboneUpdate,
    Structure,
    StructureModule,
)
from jaxdl.science.alphafold.templates import (
    TemplateAngleEmbedding,
    TemplateEmbedding,
    TemplatePairStack,
    TemplatePointwiseAttention,
    Templates,
    TemplateSizes,
    template_angle_features,
)
from jaxdl.science.alphafold.violations import (
    Violations,
    structural_violations,
    violation_loss,
)

backbone_update = BackboneUpdate
evoformer_stack = EvoformerStack
extra_msa_stack = ExtraMSAStack
input_embedder = InputEmbedder
invariant_point_attention = InvariantPointAttention
msa_column_attention = MSAColumnAttention
msa_column_global_attention = MSAColumnGlobalAttention
msa_row_attention_with_pair_bias = MSARowAttentionWithPairBias
msa_transition = MSATransition
outer_product_mean = OuterProductMean
pair_transition = PairTransition
predict_per_residue_lddt = PredictPerResidueLDDT
predict_per_residue_lddt_ca = PredictPerResidueLDDT
recycling_embedder = RecyclingEmbedder
relpos = RelPos
structure_module = StructureModule
template_pair_stack = TemplatePairStack
template_pointwise_attention = TemplatePointwiseAttention
triangle_attention_ending_node = TriangleAttentionEndingNode
triangle_attention_starting_node = TriangleAttentionStartingNode
triangle_multiplication_incoming = TriangleMultiplicationIncoming
triangle_multiplication_outgoing = TriangleMultiplicationOutgoing

# Pictures load rooms that predictions do without.
_SHOWN = ("alphafold_exhibits", "alphafold_film", "prediction_exhibits", "prediction_film")
__getattr__, _ = load_lazily(__name__, dict.fromkeys(_SHOWN, "exhibits"))

__all__ = [
    "AlphaFold",
    "BackboneUpdate",
    "DistanceAttention",
    "DistogramHead",
    "EvoformerBlock",
    "EvoformerStack",
    "Example",
    "ExtraMSAStack",
    "FINE_TUNING",
    "Features",
    "InputEmbedder",
    "InvariantPointAttention",
    "KnownGroups",
    "KnownTorsions",
    "MSAColumnAttention",
    "MSAColumnGlobalAttention",
    "MSARowAttentionWithPairBias",
    "MSATransition",
    "MaskedMSAHead",
    "OuterProductMean",
    "Outputs",
    "PAPER",
    "PairTransition",
    "PredictAlignedError",
    "PredictPerResidueLDDT",
    "PredictResolved",
    "Prediction",
    "Query",
    "Recycled",
    "RecyclingEmbedder",
    "RelPos",
    "Representations",
    "Sampling",
    "Sizes",
    "Structure",
    "StructureModule",
    "TRAINING",
    "TemplateAngleEmbedding",
    "TemplateEmbedding",
    "TemplatePairStack",
    "TemplatePointwiseAttention",
    "TemplateSizes",
    "Templates",
    "TriangleAttentionEndingNode",
    "TriangleAttentionStartingNode",
    "TriangleMultiplicationIncoming",
    "TriangleMultiplicationOutgoing",
    "Violations",
    "Weights",
    "Without",
    "aligned_error_loss",
    "alignment_example",
    "alphafold",
    "alphafold_exhibits",
    "alphafold_film",
    "alphafold_loss",
    "as_protein",
    "backbone_fape",
    "backbone_update",
    "blank_example",
    "chain_examples",
    "compute_all_atom_coordinates",
    "convert",
    "crop",
    "delete_blocks",
    "distill",
    "distogram_loss",
    "embedded_query",
    "evoformer_stack",
    "extra_msa_stack",
    "fape",
    "find_templates",
    "init_params",
    "input_embedder",
    "invariant_point_attention",
    "make_features",
    "make_query",
    "make_rot_x",
    "masked_msa_loss",
    "msa_column_attention",
    "msa_column_global_attention",
    "msa_row_attention_with_pair_bias",
    "msa_transition",
    "one_hot",
    "outer_product_mean",
    "pad_example",
    "pair_transition",
    "plddt",
    "plddt_loss",
    "predict",
    "predict_per_residue_lddt",
    "predict_per_residue_lddt_ca",
    "predicted_aligned_error",
    "predicted_tm_score",
    "prediction_exhibits",
    "prediction_film",
    "query_example",
    "read_queries",
    "read_sizes",
    "recycling_embedder",
    "relpos",
    "rename_symmetric_ground_truth_atoms",
    "resolved_loss",
    "rigid_groups",
    "side_chain_fape",
    "sizes_of",
    "structural_violations",
    "structure_module",
    "template_angle_features",
    "template_pair_stack",
    "template_pointwise_attention",
    "to_params",
    "torsion_angle_loss",
    "torsion_angles",
    "triangle_attention_ending_node",
    "triangle_attention_starting_node",
    "triangle_multiplication_incoming",
    "triangle_multiplication_outgoing",
    "violation_loss",
    "without_padding",
]
