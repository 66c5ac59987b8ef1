"""Units and elements: inside all is Angstrom, eV, eV/Angstrom, fs and atomic mass units."""

KCAL_PER_MOL = 23.0605478  # in an eV (CODATA 2018); what is reported is kcal/mol
ACCELERATION = 9.648533e-3  # Angstrom/fs^2 of 1 eV/Angstrom on 1 u (CODATA 2018)
BOLTZMANN = 8.617333e-5  # eV/K (CODATA 2018)
FS_PER_PS = 1000.0

MASSES = {"H": 1.008, "C": 12.011, "N": 14.007, "O": 15.999}  # u (IUPAC 2021)
# Covalent radii, Angstrom (Cordero et al. 2008), and the colors of Corey, Pauling and Koltun.
RADII = {"H": 0.31, "C": 0.76, "N": 0.71, "O": 0.66}
COLORS = {"H": (0.93, 0.93, 0.93), "C": (0.35, 0.35, 0.35), "N": (0.19, 0.31, 0.9),
          "O": (0.9, 0.15, 0.12)}  # fmt: skip
