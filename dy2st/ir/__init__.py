"""Program: SSA values with dtype and symbolic shape, operations with regions, printer, parser, verifier."""
