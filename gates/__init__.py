"""Gates: each judges one program alone. They arrive with a later version; the package is here for its place in the layers."""
