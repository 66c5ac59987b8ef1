"""Deep learning for science: structures of proteins from their sequences.

`jaxdl.science.geometry` and `jaxdl.science.proteins` are shared by what is learned here.
"""

from jaxdl.science import alphafold, alphafold1, circuits, geometry, proteins

__all__ = ["alphafold", "alphafold1", "circuits", "geometry", "proteins"]
