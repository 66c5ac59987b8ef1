"""Deep learning for science: structures of proteins, potentials of molecules, circuits.

`jaxdl.science.geometry` and `jaxdl.science.proteins` are shared by what is learned here. Each is
loaded on first use, since none needs all the others.
"""

from jaxdl.lazy import load_lazily

_MODULES = ("alphafold", "alphafold1", "ani", "circuits", "geometry", "proteins")

__getattr__, __dir__ = load_lazily(__name__, {}, _MODULES)
