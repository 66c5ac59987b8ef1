"""Deep learning for science: structures of proteins from their sequences.

`jaxdl.science.geometry` and `jaxdl.science.proteins` are shared by what is learned here.
"""

from jaxdl.science import alphafold, geometry, proteins

__all__ = ["geometry", "proteins"]

__all__ = ["alphafold", "geometry"]
__all__ = ["alphafold", "geometry", "proteins"]
