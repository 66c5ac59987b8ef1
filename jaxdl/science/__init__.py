"""Deep learning for science: structures of proteins, potentials of molecules, circuits.

`jaxdl.science.geometry` and `jaxdl.science.proteins` are shared by what is learned here.
"""

from jaxdl.science import alphafold, alphafold1, ani, circuits, geometry, proteins

__all__ = ["alphafold", "alphafold1", "ani", "circuits", "geometry", "proteins"]
