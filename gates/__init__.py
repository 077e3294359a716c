"""Gates: each judges one program alone. None is here yet; the package keeps its place in the layers."""
