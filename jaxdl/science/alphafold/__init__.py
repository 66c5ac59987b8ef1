"""AlphaFold 2 by the numbers of its algorithms (Jumper et al. 2021, supplement)."""
