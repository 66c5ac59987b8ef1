"""Deep learning for science: structures of proteins, potentials of molecules.

`jaxdl.science.geometry` and `jaxdl.science.proteins` are shared by what is learned here.
"""

from jaxdl.science import alphafold, alphafold1, circuits, geometry, proteins

__all__ = ["alphafold", "alphafold1", "geometry", "proteins"]
from jaxdl.science import alphafold, ani, geometry, proteins

__all__ = ["alphafold", "ani", "geometry", "proteins"]
__all__ = ["alphafold", "alphafold1", "circuits", "geometry", "proteins"]
