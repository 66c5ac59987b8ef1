"""AlphaFold 2: the structure of a protein from sequences like it (Jumper et al. 2021).

The files follow the supplement's algorithms by number. Every module is exported under the
supplement's own name as well, in lower case.
"""

from jaxdl.science.alphafold.atoms import (
    atom14_to_atom37,
    atom37_to_atom14,
    compute_all_atom_coordinates,
    make_rot_x,
)
from jaxdl.science.alphafold.chi import KnownGroups, KnownTorsions, rigid_groups, torsion_angles
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
from jaxdl.science.alphafold.convert import convert, to_params
from jaxdl.science.alphafold.evoformer import (
    EvoformerBlock,
    EvoformerStack,
    ExtraMSAStack,
    Representations,
    Sizes,
)
from jaxdl.science.alphafold.fape import (
    backbone_fape,
    fape,
    rename_symmetric_ground_truth_atoms,
    side_chain_fape,
    torsion_angle_loss,
)
from jaxdl.science.alphafold.heads import (
    DistogramHead,
    MaskedMSAHead,
    distogram_loss,
    masked_msa_loss,
)
from jaxdl.science.alphafold.ipa import InvariantPointAttention
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
from jaxdl.science.alphafold.structure import BackboneUpdate, Structure, StructureModule
from jaxdl.science.alphafold.violations import Violations, structural_violations, violation_loss
from jaxdl.science.alphafold.templates import (
    TemplateAngleEmbedding,
    TemplateEmbedding,
    TemplatePairStack,
    TemplatePointwiseAttention,
    Templates,
    TemplateSizes,
    template_angle_features,
)

backbone_update = BackboneUpdate
evoformer_stack = EvoformerStack
extra_msa_stack = ExtraMSAStack
invariant_point_attention = InvariantPointAttention
msa_column_attention = MSAColumnAttention
msa_column_global_attention = MSAColumnGlobalAttention
msa_row_attention_with_pair_bias = MSARowAttentionWithPairBias
msa_transition = MSATransition
outer_product_mean = OuterProductMean
pair_transition = PairTransition
predict_per_residue_lddt_ca = PredictPerResidueLDDT
structure_module = StructureModule
template_pair_stack = TemplatePairStack
template_pointwise_attention = TemplatePointwiseAttention
triangle_attention_ending_node = TriangleAttentionEndingNode
triangle_attention_starting_node = TriangleAttentionStartingNode
triangle_multiplication_incoming = TriangleMultiplicationIncoming
triangle_multiplication_outgoing = TriangleMultiplicationOutgoing

__all__ = [
    "BackboneUpdate",
    "DistogramHead",
    "EvoformerBlock",
    "EvoformerStack",
    "ExtraMSAStack",
    "InvariantPointAttention",
    "KnownGroups",
    "KnownTorsions",
    "MSAColumnAttention",
    "MSAColumnGlobalAttention",
    "MSARowAttentionWithPairBias",
    "MSATransition",
    "MaskedMSAHead",
    "OuterProductMean",
    "PairTransition",
    "PredictAlignedError",
    "PredictPerResidueLDDT",
    "PredictResolved",
    "Representations",
    "Sizes",
    "Structure",
    "StructureModule",
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
    "aligned_error_loss",
    "atom14_to_atom37",
    "atom37_to_atom14",
    "backbone_fape",
    "backbone_update",
    "compute_all_atom_coordinates",
    "convert",
    "distogram_loss",
    "evoformer_stack",
    "extra_msa_stack",
    "fape",
    "invariant_point_attention",
    "make_rot_x",
    "masked_msa_loss",
    "msa_column_attention",
    "msa_column_global_attention",
    "msa_row_attention_with_pair_bias",
    "msa_transition",
    "outer_product_mean",
    "pair_transition",
    "plddt",
    "plddt_loss",
    "predict_per_residue_lddt_ca",
    "predicted_aligned_error",
    "predicted_tm_score",
    "rename_symmetric_ground_truth_atoms",
    "resolved_loss",
    "rigid_groups",
    "side_chain_fape",
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
]
